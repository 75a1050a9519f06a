<?php
/** When a session ends, as each side counts it, and whose sessions each side's garbage collection takes. */

declare(strict_types=1);

test_owners('a session of either side lives for its lifetime after its last use, to both', function (Owner $at) {
    foreach (['theirs' => 0, 'ours' => MARGIN] as $side => $margin) {
        $session = $at->new_id();
        $at->$side("count_up('$session');");
        $left = $at->left($session);
        check($left >= LIFETIME - 20 && $left <= LIFETIME + $margin, "a session of $side ends in $left seconds");
        $at->age($session, $left - 40);
        check_same([1, 1], [$at->theirs("return count_of('$session');"), $at->ours("return count_of('$session');")], 'counts near the end');
        $at->age($session, 50);
        check_same(null, $at->ours("return count_of('$session');"), 'count for rustdb after the end');
        // ProcessWire reads what has not been collected.
        check_same($at->kind === 'processwire' ? 1 : null, $at->theirs("return count_of('$session');"), 'count for its handler after the end');
        check_same(1, $at->ours("return count_up('$session');"), 'count anew');
        check_same(1, $at->theirs("return count_of('$session');"), 'count anew for its handler');
    }
});

test_owners('a request that changes nothing keeps a session alive for both', function (Owner $at) {
    foreach (['theirs', 'ours'] as $side) {
        $session = $at->new_id();
        $at->theirs("count_up('$session');");
        $before = $at->stored($session);
        $at->age($session, 3000);
        $at->$side("visit('$session', fn (array &\$s) => null);");
        $left = $at->left($session);
        check($left >= LIFETIME - 20 && $left <= LIFETIME + MARGIN, "after a request to $side it ends in $left seconds");
        check_same(bin2hex($before), bin2hex($at->stored($session)), 'what is stored');
    }
});

test_owners('garbage collection of each takes the expired sessions of both, and leaves the others', function (Owner $at) {
    $alive = [];
    foreach (['theirs', 'ours'] as $side) {
        foreach ([0, LIFETIME - 100] as $seconds) {
            $alive[] = $session = $at->new_id();
            $at->$side("count_up('$session');");
            $at->age($session, $seconds);
        }
    }
    sort($alive);
    foreach (['theirs', 'ours', 'theirs'] as $collector) {
        foreach (['theirs', 'ours'] as $side) {
            $session = $at->new_id();
            $at->$side("count_up('$session');");
            $at->age($session, LIFETIME + MARGIN + 5);
        }
        check_same(6, count($at->ids()), 'sessions before');
        $collected = $at->$collector("return collect_garbage('$alive[0]');");
        if ($collector === 'ours') {
            check_same(2, $collected, 'what session_gc() says');
        }
        check_same($alive, $at->ids(), "sessions after a collection by $collector");
    }
});
