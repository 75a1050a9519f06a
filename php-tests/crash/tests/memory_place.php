<?php
/**
 * /dev/shm as containers and small machines have it: full, tiny, read-only, not there at all, or with our name
 * taken by somebody else. Sessions work all the same, and phpinfo() says where the buffer is and why.
 */

declare(strict_types=1);

/** Shell lines that make /dev/shm what the test wants, in a mount namespace of its own. */
const PLACES = [
    'with no byte free' => 'mount -t tmpfs -o size=4k,mode=1777 tmpfs /dev/shm; head -c 4096 /dev/zero > /dev/shm/full',
    'with 16 KiB free' => 'mount -t tmpfs -o size=16k,mode=1777 tmpfs /dev/shm',
    'that is read-only' => 'mount -t tmpfs -o ro,mode=1777 tmpfs /dev/shm',
    // What PHP and the shell need of /dev, without shm.
    'that is missing' => 'cp -a /dev/null /dev/zero /dev/random /dev/urandom "$SCRATCH"; mount --bind "$SCRATCH" /dev; ! test -e /dev/shm',
];

foreach (PLACES as $which => $script) {
    test("a /dev/shm $which leaves the buffer beside the store, and phpinfo() says so", function (Sandbox $sandbox) use ($script) {
        $cli = new Cli($sandbox);
        $ids = Cli::ids('place', 300);
        $scratch = $sandbox->directory('dev');
        $outcome = $cli->unshare(['--mount'], "export SCRATCH=" . escapeshellarg($scratch) . "; $script; eval \"\$1\"; eval \"\$2\"; eval \"\$3\"; eval \"\$4\"", [
            $cli->command('count', ['ids' => $ids, 'size' => 4000]),
            $cli->command('count', ['ids' => $ids, 'size' => 4000]),
            $cli->command('status'),
            $cli->command('phpinfo'),
        ]);
        check_same(0, $outcome->exit, 'exit status; it printed ' . substr($outcome->output, 0, 1500));
        [$first, $second, $status, $page] = explode("\n", $outcome->output, 4);
        check_same(array_fill_keys($ids, 1), json_decode($first, true), 'numbers of the first run');
        check_same(array_fill_keys($ids, 2), json_decode($second, true), 'numbers of the second run');
        check_same("{$cli->store->path}/buffer", json_decode($status, true)['buffer']['path'], 'place of the buffer');
        check(preg_match('~^Buffer is not in shared memory => .*/dev/shm~m', $page) === 1, 'phpinfo() does not say why: ' . substr($page, strpos($page, "Store =>") ?: 0, 600));
        // With an ordinary /dev/shm, as after the container was given more.
        $cli->check_sessions(array_fill_keys($ids, 2), 'with room in /dev/shm');
    });
}

test('a /dev/shm with 2 MiB holds a smaller buffer, and loses nothing', function (Sandbox $sandbox) {
    $cli = new Cli($sandbox);
    $ids = Cli::ids('small', 1500);
    $outcome = $cli->unshare(['--mount'], 'mount -t tmpfs -o size=2m,mode=1777 tmpfs /dev/shm; eval "$1"; eval "$2"; eval "$3"; ls /dev/shm >&2', [
        $cli->command('count', ['ids' => $ids, 'size' => 5000]),
        $cli->command('count', ['ids' => $ids, 'size' => 5000]),
        $cli->command('status'),
    ]);
    check_same(0, $outcome->exit, 'exit status; it printed ' . substr($outcome->output, 0, 1500));
    [$first, $second, $status] = explode("\n", $outcome->output);
    check_same(array_fill_keys($ids, 1), json_decode($first, true), 'numbers of the first run');
    check_same(array_fill_keys($ids, 2), json_decode($second, true), 'numbers of the second run');
    check(str_starts_with(json_decode($status, true)['buffer']['path'], '/dev/shm/'), "the buffer is not in shared memory: $status");
    // The namespace took its /dev/shm along, as a reboot does; what was flushed is on the disk.
    $cli->check_sessions(array_fill_keys($ids, 2), 'on the disk');
});

foreach (['' => '/dev/shm/', ' and no room for a new one' => null] as $which => $place) {
    test("a buffer deleted under a process that uses it$which loses nothing that the store lacks", function (Sandbox $sandbox) use ($place) {
        $cli = new Cli($sandbox, ['rustdb.flush_interval' => 3600]);
        $ids = Cli::ids('deleted', 300);
        $script = 'rm -r /dev/shm/rustdb-*';
        if ($place === null) {
            // The room is taken before anybody can notice the deletion, after which the file keeps its own as long as it is open.
            $fill = 'cat /dev/zero >> /dev/shm/filler 2> /dev/null';
            $script = "$fill; $script; $fill; test -s /dev/shm/filler";
        }
        $outcome = $cli->unshare(['--mount'], 'mount -t tmpfs -o size=20m,mode=1777 tmpfs /dev/shm; eval "$1"', [
            $cli->command('interrupted', ['ids' => $ids, 'size' => 4000, 'script' => $script]),
        ]);
        check_same(0, $outcome->exit, 'exit status; it printed ' . substr($outcome->output, 0, 1500));
        $answer = json_decode($outcome->output, true);
        check_same(0, $answer['script'], 'status of the script');
        check_same(array_fill_keys($ids, 2), $answer['numbers'], 'numbers');
        check(str_starts_with($answer['buffer']['path'], $place ?? "{$cli->store->path}/buffer"), "the buffer is in {$answer['buffer']['path']}");
        $cli->check_sessions(array_fill_keys($ids, 2), 'in the store');
    });
}

foreach (['directory' => 'mkdir', 'file' => 'touch', 'symbolic link' => 'ln -s /var/tmp'] as $what => $command) {
    test("somebody else's $what under our name in /dev/shm is not used", function (Sandbox $sandbox) use ($what, $command) {
        need_root();
        $cli = new Cli($sandbox);
        $cli->run('count', ['ids' => ['first']])->json();
        $path = $cli->run('status')->json()['buffer']['path'];
        check(str_starts_with($path, '/dev/shm/rustdb-'), "the buffer is in $path");
        $cli->reboot();
        Process::run([...Process::as_user('nobody'), 'sh', '-c', "$command " . escapeshellarg($path)]);
        try {
            check_same(['first' => 2], $cli->run('count', ['ids' => ['first']])->json(), 'numbers');
            check_same("{$cli->store->path}/buffer", $cli->run('status')->json()['buffer']['path'], 'place of the buffer');
            if ($what === 'directory') {
                check_same(['.', '..'], scandir($path), 'content of the foreign directory');
            }
        } finally {
            Process::run(['rm', '-r', $path]);
        }
    });
}
