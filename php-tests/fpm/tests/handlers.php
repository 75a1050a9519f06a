<?php
/** Applications with handlers of their own beside those without, in the same processes, and in the same threads where PHP has them. */

declare(strict_types=1);

test('visitors of Apache under load each find what they left, whoever their application wants as the handler', function (Sandbox $sandbox) {
    only_rustdb('takeover');
    $browser = apache(new Site($sandbox, ['rustdb.takeover' => 'ShopHandler']));
    $sandbox->expect_logged('/rustdb: ShopHandler is taken over \(rustdb\.takeover\)/');
    $sessions = [];
    $clients = [];
    foreach (['/remember.php', '/handler.php', '/handler.php?by=class'] as $page) {
        for ($i = 0; $i < 8; $i++) {
            $clients[] = (function () use ($browser, $page, $i, &$sessions) {
                $visitor = $browser();
                $left = null;
                for ($visit = 0; $visit < 40; $visit++) {
                    $text = bin2hex(random_bytes(random_int(8, 2000)));
                    $answer = (yield $visitor->request($page, post: ['text' => $text]))->json();
                    check_same($left, $answer['before'], "what visitor $i of $page finds on visit $visit");
                    check($visit === 0 || $answer['session'] === $sessions["$i $page"], "visitor $i of $page got another session id on visit $visit");
                    $sessions["$i $page"] = $answer['session'];
                    $left = $text;
                }
            })();
        }
    }
    run_clients($clients);
    check_same(24, count(array_unique($sessions)), 'number of session ids');
});
