<?php
/** Children that share memory and open files with a parent whose sessions are none of their business. */

declare(strict_types=1);

foreach (['close' => 'writes its session', 'destroy' => 'destroys its session', 'exit' => 'simply ends'] as $how => $words) {
    test("a child that outlives its killed parent and then $words neither keeps the lock nor changes the session", function (Sandbox $sandbox) use ($how) {
        $cli = new Cli($sandbox, ['rustdb.lock_wait' => 5]);
        $signals = $sandbox->directory('signals', 01777);
        $files = ['alive' => "$signals/alive", 'end' => "$signals/end", 'ended' => "$signals/ended"];
        $parent = $cli->start('orphan', ['id' => 'family', 'how' => $how] + $files);
        check_same(128 + SIGKILL, $parent->wait(), 'exit status of the parent, which printed ' . file_get_contents($parent->output));
        $begun = microtime(true);
        check_same(['family' => 2], $cli->run('count', ['ids' => ['family']])->json(), 'numbers while the child lives');
        note(sprintf('%.0f ms until the next one was done', (microtime(true) - $begun) * 1000));
        touch("$signals/end");
        wait_until('the child has ended', fn () => file_exists("$signals/ended") || clearstatcache() !== null);
        check_same(['family' => 3], $cli->run('count', ['ids' => ['family']])->json(), 'numbers after the child');
    });
}

test('forks while the background thread flushes lose no session of parent or children', function (Sandbox $sandbox) {
    $cli = new Cli($sandbox, ['rustdb.flush_interval' => '0.01']);
    $mine = Cli::ids('parent', 30);
    $children = array_map(fn ($child) => Cli::ids("child$child", 20), range(1, 40));
    $numbers = $cli->run('forks', ['ids' => $mine, 'children' => $children, 'size' => 3000])->json();
    check_same(array_fill_keys($mine, 40), $numbers, 'numbers of the parent');
    $expected = array_fill_keys($mine, 40) + array_fill_keys(array_merge(...$children), 1);
    $cli->check_sessions($expected, 'after the forks');
    $cli->reboot();
    $cli->check_sessions($expected, 'on the disk');
});

test('programs that a script starts inherit no open file of the store', function (Sandbox $sandbox) {
    $cli = new Cli($sandbox);
    $files = $cli->run('exec', ['id' => 'visitor'])->json();
    check(count($files) >= 3, 'the program listed no files');
    check_same([], array_values(preg_grep('~/store/|rustdb-\d~', $files)), 'inherited files');
});
