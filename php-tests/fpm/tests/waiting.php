<?php
/**
 * A session that is locked: who waits for it and who does not. What comes first is decided by events (the
 * holder goes on only when the test has its answer), never by a clock.
 */

declare(strict_types=1);

test('a second request waits until the first has let go, and finds what it wrote', function (Sandbox $sandbox) {
    $site = new Site($sandbox);
    $session = random_session();
    $order = [];
    run_clients([
        (function () use ($site, $session, &$order) {
            $answer = (yield $site->browser($session)->request('/increment.php', ['hold' => 'first']))->json();
            $order[] = "first {$answer['n']}";
        })(),
        (function () use ($site, $session, &$order) {
            yield from until('the first is inside', fn () => $site->signalled('first'));
            $answer = (yield $site->browser($session)->request('/increment.php', ['before' => 'second']))->json();
            $order[] = "second {$answer['n']}";
        })(),
        (function () use ($site, &$order) {
            yield from until('the second is at the door', fn () => $site->signalled('second'));
            yield 0.3;
            check_same([], $order, 'answers while the session was held');
            $site->release('first');
        })(),
    ]);
    sort($order);
    check_same(['first 1', 'second 2'], $order, 'counts');
});

test('sessions of other visitors do not wait for a locked one', function (Sandbox $sandbox) {
    $site = new Site($sandbox);
    $session = random_session();
    run_clients([
        (function () use ($site, $session) {
            check_same(1, (yield $site->browser($session)->request('/increment.php', ['hold' => 'holder']))->json()['n'], 'the holder counts');
        })(),
        (function () use ($site) {
            yield from until('the holder is inside', fn () => $site->signalled('holder'));
            for ($i = 0; $i < 200; $i++) {
                check_same(1, (yield $site->browser(random_session())->request('/increment.php'))->json()['n'], 'another visitor counts');
            }
            $site->release('holder');
        })(),
    ]);
});

test('read_and_close does not wait for a locked session and reads what was written last', function (Sandbox $sandbox) {
    only_rustdb('its read_and_close waits for the lock');
    $site = new Site($sandbox);
    $session = random_session();
    $site->browser($session)->send('/increment.php')->json();
    run_clients([
        (function () use ($site, $session) {
            check_same(2, (yield $site->browser($session)->request('/increment.php', ['hold' => 'holder']))->json()['n'], 'the holder counts');
        })(),
        (function () use ($site, $session) {
            yield from until('the holder is inside', fn () => $site->signalled('holder'));
            for ($i = 0; $i < 20; $i++) {
                check_same(1, (yield $site->browser($session)->request('/read.php', limit: 10))->json()['n'], 'read while it is held');
            }
            $site->release('holder');
        })(),
    ]);
    check_same(2, $site->counter($session), 'counter in the end');
});

test('a request that has waited rustdb.lock_wait fails with a warning, and the holder keeps its data', function (Sandbox $sandbox) {
    only_rustdb('its wait has no limit');
    $site = new Site($sandbox, ['rustdb.lock_wait' => 1]);
    // The warning must name what happened; PHP adds its own line about the failed read.
    $sandbox->expect_logged('/session_start\(\).*(lock|session)/i');
    $session = random_session();
    $site->browser($session)->send('/increment.php', ['size' => 3000])->json();
    run_clients([
        (function () use ($site, $session) {
            check_same(2, (yield $site->browser($session)->request('/increment.php', ['hold' => 'holder', 'size' => 5000]))->json()['n'], 'the holder counts');
        })(),
        (function () use ($site, $session) {
            yield from until('the holder is inside', fn () => $site->signalled('holder'));
            $response = yield $site->browser($session)->request('/increment.php', limit: 20);
            check_same(503, $response->status, 'status of the request that gave up (' . $response->describe() . ')');
            check(str_contains($response->body, 'session_start failed'), $response->describe());
            check($response->seconds > 0.5, "it gave up after $response->seconds s, long before lock_wait");
            note(sprintf('gave up after %.0f ms', $response->seconds * 1000));
            $site->release('holder');
        })(),
    ]);
    check_same(2, $site->counter($session), "counter after the holder's write");
    check_same(3, $site->browser($session)->send('/increment.php')->json()['n'], 'the next request counts on');
    $status = $site->store->status();
    check($status['lock']['timeouts'] >= 1, 'rustdb_status() counts no lock timeout: ' . json_encode($status['lock']));
});
