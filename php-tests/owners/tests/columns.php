<?php
/** What stands beside the session in a row. */

declare(strict_types=1);

test_owner('Laravel', 'user, address and agent stay as Laravel wrote them, and are empty where rustdb began the session', function (Owner $at) {
    $columns = fn (string $id) => $at->execute("SELECT user_id,ip_address,user_agent FROM sessions WHERE id='$id'");
    $theirs = "7\t2001:db8::17\tthe User-Agent of a visitor";
    $session = $at->new_id();
    $at->theirs("count_up('$session');", ['OWNER_USER' => '7']);
    check_same($theirs, $columns($session), 'columns of Laravel');
    foreach (["count_up('$session');", "visit('$session', fn (array &\$s) => null);"] as $request) {
        $at->age($session, 600);
        $at->ours($request);
        check_same($theirs, $columns($session), 'columns after rustdb');
    }
    // A new session where another had expired is nobody's yet.
    $at->age($session, 2 * LIFETIME);
    check_same(1, $at->ours("return count_up('$session');"), 'count anew');
    check_same("NULL\tNULL\tNULL", $columns($session), 'columns of a session that began anew');
    $new = $at->new_id();
    $at->ours("count_up('$new');");
    check_same("NULL\tNULL\tNULL", $columns($new), 'columns of a new session');
    $at->theirs("count_up('$new');", ['OWNER_USER' => '7']);
    check_same($theirs, $columns($new), 'columns that Laravel filled in');
});

test_owner('UserFrosting', 'user, address and agent are empty on either side', function (Owner $at) {
    [$one, $other] = [$at->new_id(), $at->new_id()];
    $at->theirs("count_up('$one');");
    $at->ours("count_up('$other'); count_up('$one');");
    check_same("NULL\tNULL\tNULL\nNULL\tNULL\tNULL", $at->execute('SELECT user_id,ip_address,user_agent FROM sessions'), 'columns');
});

test_owner('ProcessWire', 'user, page, address and agent stay as ProcessWire wrote them, and it ends the sessions of a user', function (Owner $at) {
    $columns = fn (string $id) => $at->execute("SELECT user_id,pages_id,INET_NTOA(ip),ua FROM sessions WHERE id='$id'");
    $theirs = "41\t1\t192.0.2.17\ta visitor";
    [$session, $elsewhere, $new, $anew] = array_map(fn () => $at->new_id(), range(1, 4));
    foreach ([$session, $elsewhere] as $id) {
        $at->theirs("count_up('$id');", ['OWNER_USER' => '41']);
        $at->ours("count_up('$id');");
        check_same($theirs, $columns($id), 'columns after rustdb');
    }
    $at->ours("count_up('$new');");
    check_same("0\t0\t0.0.0.0", $columns($new), 'columns of a new session');
    // A new session where one of the user's had expired is not the user's.
    $at->theirs("count_up('$anew');", ['OWNER_USER' => '41']);
    $at->age($anew, 2 * LIFETIME);
    check_same(1, $at->ours("return count_up('$anew');"), 'count anew');
    // "Disallow parallel sessions", at a log-in.
    $at->execute("DELETE FROM sessions WHERE user_id=41 AND id!='$session'");
    check_same([2, null, 1, 1], $at->ours("return array_map('count_of', ['$session', '$elsewhere', '$new', '$anew']);"), 'counts');
});

test_owner('Symfony', 'the time of the last write is there whoever wrote', function (Owner $at) {
    $session = $at->new_id();
    foreach (['theirs', 'ours', 'ours', 'theirs'] as $side) {
        $at->$side("count_up('$session');");
        check((int) $at->execute('SELECT UNIX_TIMESTAMP()-sess_time FROM sessions') <= 20, "sess_time of $side");
        $at->execute('UPDATE sessions SET sess_time=sess_time-500');
    }
});
