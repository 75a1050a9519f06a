<?php
/** All sessions of a user on two machines: see ../../fpm/users.php. */

declare(strict_types=1);

test_servers('a user who is logged in on two machines ends all sessions but the current one', function (Sandbox $sandbox, Backend $backend) {
    two_machines($sandbox, $backend->url, log_out_everywhere(...), OF_USERS);
});

test_servers('one machine alone: a user who is logged in several times ends all sessions but the current one', function (Sandbox $sandbox, Backend $backend) {
    $site = new Site($sandbox, OF_USERS, store: Store::on_server($sandbox, $backend->url, true));
    log_out_everywhere($site, $site);
});
