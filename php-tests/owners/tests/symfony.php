<?php
/**
 * Symfony's session without a handler of its own: NativeSessionStorage over whatever save_handler says. On rustdb each
 * request has to end as it does with PHP's files.
 */

declare(strict_types=1);

/** @return list<mixed> what a visitor sees, step by step, without what differs from one visit to the next */
function visit_shop(Shop $shop): array
{
    $steps = [];
    $visitor = $shop->visitor();
    $ids = [];
    $step = function (string $do, array $query = [], ?Browser $as = null) use ($visitor, &$steps, &$ids): array {
        $answer = ask($as ?? $visitor, $do, $query);
        check($answer['age'] <= 30, "$do: a session that is $answer[age] seconds old");
        $ids[$answer['id']] ??= count($ids);
        $steps[] = ['do' => $do, 'id' => $ids[$answer['id']], 'age' => null, 'created' => null, 'used' => null, 'rustdb' => null] + $answer;
        return $answer;
    };
    $step('metadata');
    check_same(null, $visitor->cookie('PHPSESSID'), 'cookie of an empty session');
    $first = $step('put', ['name' => 'cart', 'value' => "tea \u{2615}"]);
    check_same($first['id'], $visitor->cookie('PHPSESSID'), 'cookie');
    check_same($shop->handler === 'rustdb' ? 'write' : null, $first['rustdb'], 'what rustdb did');
    $seen = $step('metadata');
    check_same([['cart' => "tea \u{2615}"], true, $first['created']], [$seen['is'], $seen['same_id'], $seen['created']], 'seen');
    check($seen['used'] >= $first['created'], 'last use');
    $step('flash', ['value' => 'one']);
    $step('flash', ['value' => 'two']);
    check_same(['notice' => ['one', 'two']], $step('flashes')['flashes'], 'flashes');
    check_same([], $step('flashes')['flashes'], 'flashes that were seen');
    $step('twice');
    $old = $visitor->cookie('PHPSESSID');

    $step('migrate', ['destroy' => 0]);
    $between = $visitor->cookie('PHPSESSID');
    check($old !== $between, 'migrate() has kept the id');
    check_same($seen['is'] + ['first' => 1, 'second' => 2], $step('metadata')['is'], 'attributes after migrate()');
    check_same($seen['is'] + ['first' => 1, 'second' => 2], $step('metadata', as: $shop->visitor($old))['is'], 'attributes of the old session');

    $step('migrate', ['destroy' => 1, 'cookie' => 5000]);
    $last = $visitor->cookie('PHPSESSID');
    check_same(5000, $step('metadata')['cookie_lifetime'], 'lifetime of the cookie');
    $gone = $step('metadata', as: $shop->visitor($between));
    check_same([[], false], [$gone['is'], $gone['same_id']], 'a session that migrate(true) has destroyed');

    check_same([], $step('invalidate')['is'], 'attributes after invalidate()');
    check_same([], $step('metadata', as: $shop->visitor($last))['is'], 'attributes of the session that was invalidated');
    $step('count');
    check_same(2, $step('count')['is']['n'], 'count');
    $step('clear');
    check_same([], $step('metadata')['is'], 'attributes after clear()');
    $made_up = $step('metadata', as: $shop->visitor('anidthatsomebodyhasmadeup0123456'));
    check_same(false, $made_up['same_id'], 'an id that was made up is taken');
    return $steps;
}

$with_files = null;
foreach (SHOPS as $store) {
    test("Symfony without a handler on $store: attributes, flashes, migrate, invalidate, metadata", function (Sandbox $sandbox) use ($store, &$with_files) {
        $steps = visit_shop(open_shop($sandbox, $store));
        if ($store === 'files') {
            $with_files = $steps;
        }
        check_same($with_files, $steps, 'steps');
        note(count($steps) . ' steps');
    });

    test("Symfony without a handler on $store: 4 clients that count one session up 50 times each end at 200", function (Sandbox $sandbox) use ($store) {
        $shop = open_shop($sandbox, $store);
        $visitor = $shop->visitor();
        ask($visitor, 'put', ['name' => 'n', 'value' => 0]);
        $session = $visitor->cookie('PHPSESSID');
        run_clients(array_map(fn () => (function () use ($shop, $session) {
            $client = $shop->visitor($session);
            for ($i = 0; $i < 50; $i++) {
                (yield $client->request('/shop.php', ['do' => 'count']))->json();
            }
        })(), range(1, 4)));
        check_same(200, ask($visitor, 'metadata')['is']['n'], 'count');
    });
}

test_owner('Symfony', 'a visitor of an application that goes from its handler to rustdb and back stays logged in', function (Owner $at, Sandbox $sandbox) {
    $shop = new Shop($sandbox, 'rustdb', Store::on_server($sandbox, Databases::url($at->database))->settings, $at->database);
    $visitor = $shop->visitor();
    $ours = [];
    $theirs = ['handler' => 'pdo'];
    foreach ([$theirs, $ours, $ours, $theirs, $theirs, $ours] as $i => $side) {
        check_same($i + 1, ask($visitor, 'count', $side)['is']['n'], "count in request $i");
        $kept = $visitor->cookie('PHPSESSID');
        check_same([$kept], $at->ids(), 'ids');
        // The lifetime that the application sets at run time.
        $left = $at->left($kept);
        check($left > 7100 && $left <= 7200 + MARGIN, "it ends in $left seconds");
    }
    foreach ([[$ours, $theirs], [$theirs, $ours]] as [$one, $other]) {
        ask($visitor, 'migrate', ['destroy' => 1] + $one);
        check($kept !== $visitor->cookie('PHPSESSID'), 'the id is the same');
        check_same(6, ask($visitor, 'metadata', $other)['is']['n'], 'count after migrate()');
        $gone = ask($shop->visitor($kept), 'metadata', $other);
        check_same([[], false], [$gone['is'], $gone['same_id']], 'the session before');
        ask($visitor, 'flash', ['value' => 'hello'] + $one);
        check_same(['notice' => ['hello']], ask($visitor, 'flashes', $other)['flashes'], 'flashes');
        $kept = $visitor->cookie('PHPSESSID');
        check_same([$kept], $at->ids(), 'ids');
    }
    ask($visitor, 'invalidate', $ours);
    check_same([], ask($visitor, 'metadata', $theirs)['is'], 'attributes after invalidate()');
});
