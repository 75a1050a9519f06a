<?php
/** A full disk: what was acknowledged is there once there is room again, and what cannot be kept is refused loudly. */

declare(strict_types=1);

test('a full disk loses nothing that was acknowledged', function (Sandbox $sandbox) {
    $cli = new Cli($sandbox);
    $ids = Cli::ids('full', 400);
    // The disk takes some 60 of these sessions, the buffer all of them.
    $script = 'mount -t tmpfs -o size=1m,mode=0700,uid=$(stat -c %u "$STORE") tmpfs "$STORE"
        eval "$1"; eval "$2"
        mount -o remount,size=50m "$STORE"
        eval "$3"
        rm -r "$(eval "$4" | sed "s/.*\"path\":\"\([^\"]*\)\".*/\1/; s/\\\\//g")"
        eval "$2"';
    $sandbox->expect_logged('/rustdb: .*store.*No space left on device/');
    $outcome = $cli->unshare(['--mount'], 'export STORE=' . escapeshellarg($cli->store->path) . "; $script", [
        $cli->command('count', ['ids' => $ids, 'size' => 10000, 'pause' => 300000], ['rustdb.flush_interval' => '0.05']),
        $cli->command('read', ['ids' => $ids]),
        // With room again: a run whose end flushes.
        $cli->command('read', ['ids' => $ids, 'pause' => 300000], ['rustdb.flush_interval' => '0.05']),
        $cli->command('status'),
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
    $cli = new Cli($sandbox, ['rustdb.buffer_size' => '1M', 'rustdb.lock_wait' => 1]);
    $ids = Cli::ids('full', 160);
    $script = 'mount -t tmpfs -o size=1m,mode=0700,uid=$(stat -c %u "$STORE") tmpfs "$STORE"
        eval "$1"
        mount -o remount,size=50m "$STORE"
        eval "$2"';
    $sandbox->expect_logged('/rustdb: .*(No space left on device|buffer is full)/');
    $sandbox->expect_logged('/session_write_close\(\): Failed to write session data/');
    $outcome = $cli->unshare(['--mount'], 'export STORE=' . escapeshellarg($cli->store->path) . "; $script", [
        $cli->command('count', ['ids' => $ids, 'size' => 10000]),
        $cli->command('read', ['ids' => $ids]),
    ], 300);
    check_same(0, $outcome->exit, 'exit status; it printed ' . substr($outcome->output, -1500));
    [$written, $read] = array_map(fn ($line) => json_decode($line, true), array_slice(explode("\n", $outcome->output), 0, 2));
    $acknowledged = array_filter($written);
    check(count($acknowledged) > 20 && count($acknowledged) < count($ids), count($acknowledged) . ' of ' . count($ids) . ' writes were acknowledged');
    note(count($acknowledged) . ' of ' . count($ids) . ' acknowledged');
    foreach ($acknowledged as $id => $number) {
        check_same($number, $read[$id], "session $id, which was acknowledged");
    }
});
