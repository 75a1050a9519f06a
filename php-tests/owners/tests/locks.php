<?php
/** The same session on both sides at the same time. Each side has locks of its own, so they are not kept apart; but neither breaks. */

declare(strict_types=1);

/** Holds a session on one side until the other has come as far as `$until` says; returns both counts. */
function hold_on_one_side(Sandbox $sandbox, Owner $at, string $session, callable $until): array
{
    $signals = $sandbox->directory('signals', 01777);
    $at->theirs("count_up('$session');");
    $holder = $at->start_theirs("return visit('$session', function (array &\$s) {
        touch('$signals/inside');
        for (\$i = 0; \$i < 4000 && !file_exists('$signals/go'); \$i++) { usleep(5000); clearstatcache(); }
        return ++\$s['n'];
    });");
    wait_until('the handler has the session', fn () => file_exists("$signals/inside"));
    $other = $at->start_ours("return count_up('$session');");
    $until($other);
    touch("$signals/go");
    foreach ([$holder, $other] as $program) {
        check_same(0, $program->wait(), 'exit status: ' . file_get_contents($program->output));
    }
    return [(int) file_get_contents($holder->output), (int) file_get_contents($other->output)];
}

test_owner('Symfony', 'a write of rustdb waits for the transaction in which Symfony has the session', function (Owner $at, Sandbox $sandbox) {
    $session = $at->new_id();
    $counts = hold_on_one_side($sandbox, $at, $session, function (Process $other) use ($at) {
        wait_until('rustdb waits for the row', fn () => $at->execute("SELECT COUNT(*) FROM information_schema.processlist
            WHERE user='keeper' AND info LIKE 'UPDATE %' AND time_ms>100") === '1');
        check($other->running(), 'rustdb did not wait');
    });
    check_same([2, 2], $counts, 'counts');
    check_same(2, $at->theirs("return count_of('$session');"), 'count in the end');
});

foreach (['ProcessWire', 'Symfony with advisory locks'] as $kind) {
    test_owner($kind, 'its locks do not hold up rustdb', function (Owner $at, Sandbox $sandbox) {
        $session = $at->new_id();
        $counts = hold_on_one_side($sandbox, $at, $session, fn (Process $other) => check_same(0, $other->wait(), 'exit status'));
        check_same([2, 2], $counts, 'counts');
    });
}
