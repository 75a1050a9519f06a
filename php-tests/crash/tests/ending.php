<?php
/** Short runs that end while the background thread is at work. */

declare(strict_types=1);

test('100 short runs in a row end well while the background thread works, and keep every session', function (Sandbox $sandbox) {
    $cli = new Cli($sandbox, ['rustdb.flush_interval' => '0.01']);
    $shared = Cli::ids('shared', 5);
    $expected = array_fill_keys($shared, 0);
    for ($run = 1; $run <= 100; $run++) {
        $ids = [...$shared, ...Cli::ids("run$run", 20)];
        foreach ($cli->run('count', ['ids' => $ids, 'pause' => random_int(0, 15000)])->json() as $id => $number) {
            check_same(($expected[$id] ?? 0) + 1, $number, "session $id in run $run");
            $expected[$id] = $number;
        }
    }
    $cli->check_sessions($expected, 'after the runs');
    $cli->reboot();
    $cli->check_sessions($expected, 'on the disk');
});

test('a run that ends at once leaves nothing behind that the next one would miss', function (Sandbox $sandbox) {
    $cli = new Cli($sandbox, ['rustdb.flush_interval' => 3600]);
    $ids = Cli::ids('once', 200);
    check_same(array_fill_keys($ids, 1), $cli->run('count', ['ids' => $ids])->json(), 'numbers');
    // The end of the run has flushed; the memory is not needed any more.
    $cli->store->remove_buffer();
    $cli->check_sessions(array_fill_keys($ids, 1), 'on the disk');
});
