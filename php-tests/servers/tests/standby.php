<?php
/** Several machines on servers of which one takes another's place. */

declare(strict_types=1);

test_standby('8 clients on two machines that count one session up 100 times each end at exactly 800', function (Sandbox $sandbox, Standby $standby) {
    two_machines($sandbox, $standby->url, function (Site $here, Site $there) {
        $session = random_session();
        $ledger = new Ledger();
        run_clients(counters([$here, $there], $ledger, $session, 8, 100), 120);
        note_spread('request', $ledger->seconds);
        check_same(800, $here->counter($session), 'counter, seen here');
        check_same(800, $there->counter($session), 'counter, seen there');
    });
});

test_standby('a session held here is waited for there, and handed over with what it became', function (Sandbox $sandbox, Standby $standby) {
    two_machines($sandbox, $standby->url, fn (Site $here, Site $there) => hold_and_hand_over($here, $there, 0.5));
});

test_standby('when the master is killed, sessions go on where they were, by themselves', function (Sandbox $sandbox, Standby $standby) {
    // Too short to sit the failover out, so that the requests in between fail and are told so.
    two_machines($sandbox, "$standby->url?connect_timeout=0.5", function (Site $here, Site $there) use ($standby) {
        $session = random_session();
        for ($i = 1; $i <= 5; $i++) {
            check_same($i, $here->browser($session)->send('/increment.php')->json()['n'], 'count before');
        }
        // Nobody has to be there when it dies.
        $there->counter($session);
        $standby->kill_master_of($session);
        $there->sandbox->expect_logged('/rustdb: .*127\.0\.0\.1/');
        $there->sandbox->expect_logged('/Failed to (read|initialize)/');
        $killed = microtime(true);
        $count = wait_until('the other machine can use the session', function () use ($there, $session) {
            $answer = $there->browser($session)->send('/increment.php');
            return $answer->status === 200 ? $answer->json()['n'] : null;
        }, 30);
        note(sprintf('%.2f s', microtime(true) - $killed));
        check_same(6, $count, 'count after');
        check_same(7, $here->browser($session)->send('/increment.php')->json()['n'], 'count here');
    });
});

test_standby('a machine that has the store for itself goes on without its master, and brings what is missing to the next', function (Sandbox $sandbox, Standby $standby) {
    $site = new Site($sandbox, store: Store::on_server($sandbox, "$standby->url?connect_timeout=0.5", alone: true));
    $session = random_session();
    for ($i = 1; $i <= 5; $i++) {
        check_same($i, $site->browser($session)->send('/increment.php')->json()['n'], 'count before');
    }
    $standby->kill_master_of($session);
    $sandbox->expect_logged('/rustdb: .*127\.0\.0\.1/');
    for ($i = 6; $i <= 10; $i++) {
        check_same($i, $site->browser($session)->send('/increment.php')->json()['n'], 'count without a master');
    }
    wait_until('the next master has it', fn () => str_contains($standby->payload($session), 'n|i:10;'), 30);
});
