<?php
/** One visitor, whose requests go to the owner's handler and to rustdb in turn, as on a site that changes over. */

declare(strict_types=1);

test_owners('a session is counted up by its handler and by rustdb in turn, and each stores it byte for byte as the other does', function (Owner $at) {
    $session = $at->new_id();
    $n = 0;
    $before = null;
    foreach (['theirs', 'ours', 'theirs', 'theirs', 'ours', 'ours', 'theirs'] as $side) {
        check_same($n + 1, $at->$side("return count_up('$session');"), "count by $side");
        $stored = $at->stored($session);
        if ($before !== null) {
            // Nothing but the number has changed.
            $expected = $at->encode(str_replace("i:$n;", 'i:' . ($n + 1) . ';', $at->decode($before)));
            check_same(bin2hex($expected), bin2hex($stored), "what $side stored as count " . ($n + 1));
        }
        $n++;
        $before = $stored;
    }
    check_same([$session], $at->ids(), 'ids in the table');
});

test_owners('a session that began with rustdb is one to its handler', function (Owner $at) {
    $session = $at->new_id();
    check_same(1, $at->ours("return count_up('$session');"), 'count by rustdb');
    check_same(1, $at->theirs("return count_of('$session');"), 'count that the handler reads');
    check_same(2, $at->theirs("return count_up('$session');"), 'count by the handler');
    check_same(2, $at->ours("return count_of('$session');"), 'count that rustdb reads');
});

test_owners('what one destroys is gone for the other, also in strict mode, and may begin anew', function (Owner $at) {
    foreach (['theirs' => 'ours', 'ours' => 'theirs'] as $one => $other) {
        $session = $at->new_id();
        check_same([1, 2], [$at->theirs("return count_up('$session');"), $at->ours("return count_up('$session');")], 'counts');
        $at->$one("destroy('$session');");
        check_same(null, $at->stored($session), 'the row');
        $strict = $at->ours("ini_set('session.use_strict_mode', 1); open('$session'); \$id = session_id(); session_abort(); return \$id;");
        check($strict !== $session, "strict mode took the id of a session that $one had destroyed");
        foreach ([$other, $one] as $side) {
            check_same(null, $at->$side("return count_of('$session');"), "what $side finds");
        }
        check_same(1, $at->$other("return count_up('$session');"), "count anew by $other");
        check_same(2, $at->$one("return count_up('$session');"), "count anew by $one");
    }
});

test_owners('a session that is destroyed elsewhere while a request has it does not come back by rustdb', function (Owner $at) {
    $session = $at->new_id();
    $at->theirs("count_up('$session');");
    $destroy = $at->kind === 'symfony' ? "DELETE FROM sessions WHERE sess_id='$session'" : "DELETE FROM sessions WHERE id='$session'";
    $sql = var_export("mysql:unix_socket=" . Databases::server()->socket . ";dbname=$at->database", true);
    $at->ours("visit('$session', function (array &\$s) { \$s['n']++; (new PDO($sql, 'root'))->exec(\"$destroy\"); });");
    check_same([], $at->ids(), 'ids in the table');
});

test_owner('UserFrosting', 'log-in and log-out on either side: the id changes, and the old one is gone', function (Owner $at) {
    foreach (['theirs' => 'ours', 'ours' => 'theirs'] as $one => $other) {
        $guest = $at->new_id();
        $at->$other("count_up('$guest');");
        // UserFrosting's Session::regenerateId() tells its handler that the new id has no row.
        $anew = $one === 'theirs' ? '$handler = handler(); session_set_save_handler($handler, true); $anew = fn () => $handler->setExists(false);' : '$anew = fn () => null;';
        $user = $at->$one("$anew session_id('$guest'); session_start(); \$anew(); session_regenerate_id(true);
            \$_SESSION['account'] = ['current_user_id' => 7]; return session_id();");
        check_same([$user], $at->ids(), 'ids after the log-in');
        check_same([7, 1], $at->$other("\$s = peek('$user'); return [\$s['account']['current_user_id'], \$s['n']];"), "what $other finds");
        check_same(2, substr_count($at->decode($at->stored($user)), 'i:7;') + substr_count($at->decode($at->stored($user)), 'account|'), 'session string');
        // The log-out destroys the session and starts an empty one under its id.
        $at->$other("register(); session_id('$user'); session_start(); session_destroy(); session_id('$user'); session_start(); \$_SESSION['n'] = 1;");
        check_same([], $at->$one("return peek('$user')['account'] ?? [];"), "who is logged in for $one");
        $at->$one("destroy('$user');");
        check_same([], $at->ids(), 'ids in the end');
    }
});

test_owner('Laravel', 'ids of 40 letters and digits, made by either side, flashed values, regenerate and invalidate', function (Owner $at) {
    // As rustdb's PHP makes them with these settings; Laravel takes no other characters and no other length.
    $made = $at->ours("ini_set('session.sid_length', 40); ini_set('session.sid_bits_per_character', 5); session_id('');
        session_start(); \$_SESSION['n'] = 1; return session_id();");
    check(preg_match('/^[0-9a-v]{40}$/', $made) === 1, "an id like $made");
    check_same(1, $at->theirs("return started('$made')->get('n');"), 'count that Laravel reads');

    $session = $at->new_id();
    $at->theirs("\$store = started('$session'); \$store->put('cart.tea', 2); \$store->flash('notice', 'welcome'); \$store->save();");
    check_same(['tea' => 2], $at->ours("return peek('$session')['cart'];"), 'cart');
    check_same(['welcome', ['notice']], $at->ours("\$s = peek('$session'); return [\$s['notice'], \$s['_flash']['old']];"), 'flashed value');
    $at->ours("visit('$session', function (array &\$s) { \$s['cart']['tea']++; });");
    check_same([3, 'welcome'], $at->theirs("\$store = started('$session'); \$seen = [\$store->get('cart.tea'), \$store->get('notice')]; \$store->save(); return \$seen;"), 'seen by Laravel');
    check_same(null, $at->ours("return peek('$session')['notice'] ?? null;"), 'flashed value after the next request');

    $next = $at->theirs("\$store = started('$session'); \$store->regenerate(true); \$store->save(); return \$store->getId();");
    check_same([null, ['tea' => 3]], $at->ours("return [peek('$session')['cart'] ?? null, peek('$next')['cart']];"), 'old and new session');
    $last = $at->theirs("\$store = started('$next'); \$store->invalidate(); \$store->save(); return \$store->getId();");
    check_same([null, null], $at->ours("return [peek('$next')['cart'] ?? null, peek('$last')['cart'] ?? null];"), 'invalidated sessions');
});
