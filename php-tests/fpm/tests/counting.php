<?php
/** Many visitors at once: nothing counted twice, nothing lost, nothing handed to another. */

declare(strict_types=1);

test('8 clients that count one session up 1,000 times each end at exactly 8,000', function (Sandbox $sandbox) {
    $site = new Site($sandbox);
    $session = random_session();
    $ledger = new Ledger();
    run_clients(counters([$site], $ledger, $session, 8, 1000), 120);
    note_spread('request', $ledger->seconds);
    check_same(8000, $site->counter($session), 'counter');
});

test('64 visitors under load each find what they left themselves', function (Sandbox $sandbox) {
    // Strict mode: the ids are the server's, as real visitors have them.
    $site = new Site($sandbox, ['session.use_strict_mode' => 1]);
    $sessions = [];
    $clients = [];
    for ($i = 0; $i < 64; $i++) {
        $clients[] = (function () use ($site, &$sessions, $i) {
            $browser = $site->browser();
            $left = null;
            for ($visit = 0; $visit < 50; $visit++) {
                $text = bin2hex(random_bytes(random_int(8, 4000)));
                $answer = (yield $browser->request('/remember.php', post: ['text' => $text]))->json();
                check($answer['before'] === $left, "visitor $i was handed something else on visit $visit: "
                    . substr(json_encode($answer['before']), 0, 100) . ' instead of ' . substr(json_encode($left), 0, 100));
                check($visit === 0 || $answer['session'] === $sessions[$i], "visitor $i got another session id on visit $visit");
                $sessions[$i] = $answer['session'];
                $left = $text;
            }
        })();
    }
    run_clients($clients);
    check_same(64, count(array_unique($sessions)), 'number of session ids');
});
