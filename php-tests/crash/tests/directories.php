<?php
/** Directories that are not fit for sessions: refused with a warning that says why, and left as they are. */

declare(strict_types=1);

/** A session cannot be started, the log says why, and nothing was put into the directory. */
function check_refused(Sandbox $sandbox, Cli $cli, string $directory, string $why): void
{
    $before = scandir($directory);
    $sandbox->expect_logged("/session_start\(\): rustdb: .*$why/");
    $sandbox->expect_logged('/session_start\(\): Failed to (read|initialize)/');
    check_same(['visitor' => null], $cli->run('count', ['ids' => ['visitor']])->json(), 'numbers');
    check_same($before, scandir($directory), 'content of the directory');
}

test('a store directory that everybody may write into is refused', function (Sandbox $sandbox) {
    $cli = new Cli($sandbox);
    chmod($cli->store->path, 0777);
    check_refused($sandbox, $cli, $cli->store->path, 'others may write into it.*chmod 700');
    chmod($cli->store->path, 0700);
});

test('a store directory of another user is refused', function (Sandbox $sandbox) {
    need_root();
    $cli = new Cli($sandbox);
    chmod($cli->store->path, 0755);
    chown($cli->store->path, 'nobody');
    check_refused($sandbox, $cli, $cli->store->path, 'belongs to user');
    chown($cli->store->path, $cli->store->user);
    chmod($cli->store->path, 0700);
});

test('a symbolic link of another user is refused, wherever it leads', function (Sandbox $sandbox) {
    need_root();
    $cli = new Cli($sandbox);
    $open = $sandbox->directory('open', 01777);
    Process::run([...Process::as_user('nobody'), 'ln', '-s', $cli->store->path, "$open/link"]);
    $before = scandir($cli->store->path);
    $sandbox->expect_logged('/session_start\(\): rustdb: .*symbolic link that belongs to user/');
    $sandbox->expect_logged('/session_start\(\): Failed to (read|initialize)/');
    $outcome = $cli->run('count', ['ids' => ['visitor']], ['rustdb.store' => "embedded://$open/link"]);
    check_same(['visitor' => null], $outcome->json(), 'numbers');
    check_same($before, scandir($cli->store->path), 'content of the directory');
});

test('a store directory that does not exist, below one that does not either, is said to be missing', function (Sandbox $sandbox) {
    $cli = new Cli($sandbox);
    $sandbox->expect_logged('/session_start\(\): rustdb: .*parent directory does not exist/');
    $sandbox->expect_logged('/session_start\(\): Failed to (read|initialize)/');
    $outcome = $cli->run('count', ['ids' => ['visitor']], ['rustdb.store' => "embedded://$sandbox->path/no/such"]);
    check_same(['visitor' => null], $outcome->json(), 'numbers');
});

foreach (['directory' => 'mkdir -m 0777', 'file' => 'touch', 'symbolic link' => 'ln -s /var/tmp'] as $what => $command) {
    test("somebody else's $what under our name in a save_path for all is passed over", function (Sandbox $sandbox) use ($what, $command) {
        need_root();
        $store = Store::shared_save_path($sandbox, worker_user());
        $cli = new Cli($sandbox, [], $store);
        $path = "$sandbox->path/sessions";
        $uid = posix_getpwnam($store->user)['uid'];
        Process::run([...Process::as_user('nobody'), 'sh', '-c', "$command $path/rustdb-$uid"]);
        check_same(['visitor' => 1], $cli->run('count', ['ids' => ['visitor']])->json(), 'numbers');
        check_same("$path/rustdb-$uid-1", $cli->run('status')->json()['store_path'], 'store');
        check_same(posix_getpwnam('nobody')['uid'], lstat("$path/rustdb-$uid")['uid'], "owner of the $what");
        if ($what === 'directory') {
            check_same(['.', '..'], scandir("$path/rustdb-$uid"), 'content of the foreign directory');
        }
    });
}
