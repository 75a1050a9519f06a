<?php
/** A full disk: what was acknowledged is there once there is room again, and what cannot be kept is refused loudly. */

declare(strict_types=1);

/** How the log says that a disk has no room; "input/output error" would send the operator to the wrong place. */
const NO_ROOM = '(No space left on device|no room left|disk is full)';

test('a full disk loses nothing that was acknowledged', function (Sandbox $sandbox) {
    $cli = new Cli($sandbox);
    $ids = Cli::ids('full', 400);
    // The disk takes some 60 of these sessions, the buffer all of them.
    $script = 'mount -t tmpfs -o size=1m,mode=0700,uid=$(stat -c %u "$STORE") tmpfs "$STORE"
        eval "$1"; eval "$2"
        mount -o remount,size=50m "$STORE"
        eval "$3"
        rm -r "$BUFFER"
        eval "$2"';
    // Its name follows from that of the store's directory.
    $buffer = $cli->run('status')->json()['buffer']['path'];
    $cli->reboot();
    $sandbox->expect_logged('/rustdb: .*store.*' . NO_ROOM . '/');
    $outcome = $cli->unshare(['--mount'], 'export STORE=' . escapeshellarg($cli->store->path) . ' BUFFER=' . escapeshellarg($buffer) . "; $script", [
        $cli->command('count', ['ids' => $ids, 'size' => 10000, 'pause' => 300000, 'look' => true], ['rustdb.flush_interval' => '0.05']),
        $cli->command('read', ['ids' => $ids]),
        // With room again: a run whose end flushes.
        $cli->command('read', ['ids' => $ids, 'pause' => 300000], ['rustdb.flush_interval' => '0.05']),
    ]);
    check_same(0, $outcome->exit, 'exit status; it printed ' . substr($outcome->output, -1500));
    [$written, $read, $later, $on_disk] = explode("\n", $outcome->output);
    $expected = array_fill_keys($ids, 1);
    check_same($expected, json_decode($written, true), 'numbers as written to the buffer');
    check_same($expected, json_decode($read, true), 'numbers while the disk is full');
    check_same($expected, json_decode($later, true), 'numbers when there is room again');
    check_same($expected, json_decode($on_disk, true), 'numbers from the disk alone');
});

test('a full disk and a full buffer refuse new writes with a warning, and lose nothing that was acknowledged', function (Sandbox $sandbox) {
    $cli = new Cli($sandbox, ['rustdb.buffer_size' => '1M', 'rustdb.lock_wait' => '0.2']);
    $ids = Cli::ids('full', 250);
    $script = 'mount -t tmpfs -o size=1m,mode=0700,uid=$(stat -c %u "$STORE") tmpfs "$STORE"
        eval "$1"
        mount -o remount,size=50m "$STORE"
        eval "$2"';
    // Either may be the reason that a write is told; that the disk is the cause is in the log in any case.
    $sandbox->expect_logged('/rustdb: .*(session buffer is full|' . NO_ROOM . ')/');
    $sandbox->expect_logged('/session_write_close\(\): Failed to write session data/');
    $outcome = $cli->unshare(['--mount'], 'export STORE=' . escapeshellarg($cli->store->path) . "; $script", [
        $cli->command('count', ['ids' => $ids, 'size' => 10000]),
        $cli->command('read', ['ids' => $ids]),
    ], 300);
    check_same(0, $outcome->exit, 'exit status; it printed ' . substr($outcome->output, -1500));
    check(preg_match('/rustdb: .*' . NO_ROOM . '/', file_get_contents($sandbox->php_log)) === 1, 'the log does not say that the disk is full');
    [$written, $read] = array_map(fn ($line) => json_decode($line, true), array_slice(explode("\n", $outcome->output), 0, 2));
    $acknowledged = array_filter($written);
    check(count($acknowledged) > 20 && count($acknowledged) < count($ids), count($acknowledged) . ' of ' . count($ids) . ' writes were acknowledged');
    note(count($acknowledged) . ' of ' . count($ids) . ' acknowledged');
    foreach ($acknowledged as $id => $number) {
        check_same($number, $read[$id], "session $id, which was acknowledged");
    }
});

test('a run whose last flush fails says so in the log', function (Sandbox $sandbox) {
    $cli = new Cli($sandbox, ['rustdb.flush_interval' => 3600]);
    $script = 'mount -t tmpfs -o size=1m,mode=0700,uid=$(stat -c %u "$STORE") tmpfs "$STORE"; eval "$1"';
    $ids = Cli::ids('full', 200);
    $sandbox->expect_logged('/rustdb: .*' . NO_ROOM . '/');
    $outcome = $cli->unshare(['--mount'], 'export STORE=' . escapeshellarg($cli->store->path) . "; $script",
        [$cli->command('count', ['ids' => $ids, 'size' => 10000])]);
    check_same(array_fill_keys($ids, 1), $outcome->json(), 'numbers');
});
