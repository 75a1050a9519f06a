<?php
/**
 * Applications that bring a handler of their own, made of the real libraries: Illuminate as UserFrosting and Laravel use
 * it, and Symfony. The pages are the same whoever keeps the sessions; with rustdb only php.ini differs.
 */

declare(strict_types=1);

/** The pages; who says to be the handler under takeover; and what the log says to be taken over. */
const LIBRARIES = [
    'UserFrosting with files' => ['/userfrosting.php?handler=file', 'rustdb rustdb', 'Illuminate\Session\FileSessionHandler'],
    'UserFrosting with a database' => ['/userfrosting.php?handler=database', 'rustdb rustdb', 'Illuminate\Session\DatabaseSessionHandler'],
    'Symfony without a handler' => ['/symfony.php?handler=null', 'user user', null],
    'Symfony with native files' => ['/symfony.php?handler=native', 'user user', 'files'],
    'Symfony with PDO' => ['/symfony.php?handler=pdo', 'rustdb rustdb',
        'Symfony\Component\HttpFoundation\Session\Storage\Proxy\SessionHandlerProxy around '
        . 'Symfony\Component\HttpFoundation\Session\Storage\Handler\PdoSessionHandler'],
    'Symfony with Rustdb\\SessionHandler' => ['/symfony.php?handler=class', 'user user', null],
    // It has nothing to do with PHP's sessions.
    'Laravel' => ['/laravel.php?', 'rustdb rustdb', null],
    'a handler like MediaWiki\'s' => ['/mediawiki.php?', 'user user', null],
];
/** As a site owner writes it; Symfony without a handler needs nothing. */
const TAKEOVER = 'Illuminate\Session\FileSessionHandler, Illuminate\Session\DatabaseSessionHandler, '
    . 'Symfony\Component\HttpFoundation\Session\Storage\Handler\PdoSessionHandler, files';

/** A document root with all pages, and a place for the data of each of them. */
function library_pages(Sandbox $sandbox): string
{
    foreach (['Illuminate/Session' => 'php-illuminate-session', 'Illuminate/Database' => 'php-illuminate-database',
        'Illuminate/Filesystem' => 'php-illuminate-filesystem', 'Symfony/Component/HttpFoundation' => 'php-symfony-http-foundation'] as $path => $package) {
        if (!is_file("/usr/share/php/$path/autoload.php")) {
            missing_package($package);
        }
    }
    if (!extension_loaded('pdo_sqlite')) {
        missing_package('php-sqlite3');
    }
    $root = "$sandbox->path/libraries";
    copy_package(__DIR__ . '/pages', $root);
    foreach (['', '/illuminate', '/symfony', '/laravel', '/mediawiki'] as $directory) {
        mkdir("$root/data$directory");
    }
    (new PDO("sqlite:$root/data/illuminate.sqlite"))->exec('CREATE TABLE sessions (id varchar(255) NOT NULL UNIQUE, user_id int NULL,
        ip_address varchar(45) NULL, user_agent text NULL, payload text NOT NULL, last_activity int NOT NULL)');
    (new PDO("sqlite:$root/data/symfony.sqlite"))->exec('CREATE TABLE sessions (sess_id varchar(128) NOT NULL PRIMARY KEY, sess_data blob NOT NULL,
        sess_lifetime int NOT NULL, sess_time int NOT NULL)');
    give_to_workers("$root/data");
    return $root;
}

function library_site(Sandbox $sandbox, string $handler): Application
{
    $settings = $handler === 'files' ? [] : ['rustdb.takeover' => TAKEOVER];
    return new Application($sandbox, $handler, library_pages($sandbox), $settings);
}

/** Each of the workers that took it over says so, once. */
function expect_taken(Sandbox $sandbox, string $what): void
{
    $sandbox->expect_logged('/rustdb: ' . preg_quote($what) . ' is taken over \(rustdb\.takeover\)/');
}

/** A visit of one application: what its pages show, step by step. */
function visit_library(Sandbox $sandbox, string $handler, string $name): Application
{
    [$page, $under_takeover, $taken] = LIBRARIES[$name];
    $site = library_site($sandbox, $handler);
    if ($handler !== 'files' && $taken !== null) {
        expect_taken($sandbox, $taken);
    }
    $facts = fn (int $user, int $count, int $farewell) => ["user $user" => "~user is $user\\.~", "count $count" => "~count is $count\\.~",
        "farewell $farewell" => "~farewell is $farewell\\.~"];
    $ids = [];
    $step = function (string $do, int $user, int $count, int $farewell = 0) use ($site, $page, $facts, $handler, $under_takeover, &$ids): void {
        $response = $site->step($do, "$page&do=$do", shows: $facts($user, $count, $farewell));
        $ids[] = $response->header('X-Id');
        if ($handler !== 'files') {
            check_same($under_takeover, $response->header('X-Handler'), 'handler');
        }
    };
    $step('look', 0, 0);
    $step('count', 0, 1);
    $step('count', 0, 2);
    $step('log-in', 7, 2);
    $step('look', 7, 2);
    $step('count', 7, 3);
    $step('log-out', 0, 0, 1);
    $step('look', 0, 0, 1);
    $step('log-in', 7, 0, str_contains($page, 'laravel') ? 0 : 1);
    $site->new_visitor();
    $step('look', 0, 0);
    return $site;
}

/** What the applications' own handlers have kept, by their names. */
function kept_by_applications(string $root): array
{
    $rows = fn (string $file) => (int) (new PDO("sqlite:$root/data/$file"))->query('SELECT count(*) FROM sessions')->fetchColumn();
    $files = fn (string $directory) => count(array_diff(scandir("$root/data/$directory"), ['.', '..']));
    return ['illuminate' => $files('illuminate'), 'illuminate.sqlite' => $rows('illuminate.sqlite'), 'symfony' => $files('symfony'),
        'symfony.sqlite' => $rows('symfony.sqlite'), 'laravel' => $files('laravel'), 'mediawiki' => $files('mediawiki')];
}

function test_libraries(): void
{
    foreach (array_keys(LIBRARIES) as $name) {
        $with_files = null;
        test("$name, without rustdb", function (Sandbox $sandbox) use ($name, &$with_files) {
            $with_files = visit_library($sandbox, 'files', $name)->steps;
        });
        test("$name, unchanged with rustdb, the same in every step", function (Sandbox $sandbox) use ($name, &$with_files) {
            $steps = visit_library($sandbox, 'rustdb', $name)->steps;
            check_same($with_files, $steps, 'steps');
            $kept = array_filter(kept_by_applications("$sandbox->path/libraries"));
            check_same(str_contains($name, 'MediaWiki') ? ['mediawiki'] : [], array_keys($kept), 'kept by the application itself');
        });
    }

    test('all of them at once in one php-fpm: each visitor of each application has a session of their own, and no change is lost', function (Sandbox $sandbox) {
        $site = library_site($sandbox, 'rustdb');
        array_map(fn ($library) => $library[2] === null ?: expect_taken($sandbox, $library[2]), LIBRARIES);
        $clients = [];
        $last = [];
        foreach (LIBRARIES as $name => [$page, $handler]) {
            foreach (range(1, 4) as $visitor) {
                $site->new_visitor();
                $browser = $site->browser;
                $clients[] = (function () use ($browser, $page, $handler, $name, $visitor, &$last) {
                    foreach (['look', 'count', 'log-in', ...array_fill(0, 9, 'count'), 'log-out', 'count', 'count'] as $do) {
                        $response = yield $browser->request("$page&do=$do");
                        check($response->ok(), $response->describe());
                        check_same($handler, $response->header('X-Handler'), "handler of $name");
                        if ($do === 'log-out') {
                            check_same(10, $last["$name $visitor"] ?? null, "count of $name before the log out");
                        }
                        $last["$name $visitor"] = preg_match('~count is (\d+)~', $response->body, $match) ? (int) $match[1] : null;
                    }
                })();
            }
        }
        run_clients($clients);
        check_same([2], array_values(array_unique($last)), 'counts after the log out');
        check_same(['mediawiki' => 4], array_filter(kept_by_applications("$sandbox->path/libraries")), 'kept by the applications themselves');
    });

    test('a session that a page reads and never saves is free when the request has ended', function (Sandbox $sandbox) {
        $site = library_site($sandbox, 'rustdb');
        $sandbox->expect_logged('/RuntimeException: before the session was saved|^Stack trace:|^#\\d|^  thrown in /');
        $visitor = $site->same_visitor($site->step('count', '/laravel.php?do=count'));
        $longest = 0;
        for ($i = 1; $i <= 12; $i++) {
            check_same('forgotten', $visitor->send('/laravel.php?do=forget')->body, 'page');
            check_same(500, $visitor->send('/laravel.php?do=fail')->status, 'status');
            $response = $visitor->send('/laravel.php?do=count');
            check(str_contains($response->body, 'count is ' . ($i + 1) . '.'), $response->describe());
            $longest = max($longest, $response->seconds);
        }
        // Far from rustdb.lock_wait, which a lock that was left would cost one of the four workers.
        check($longest < 10, "a request waited $longest s");
    });

    test('on the table that the application has: sessions go from Illuminate and Laravel to rustdb and back, and a deleted row ends one', function (Sandbox $sandbox) {
        $database = new MariaDb($sandbox, "CREATE DATABASE frosting;
            CREATE TABLE frosting.sessions (id varchar(255) NOT NULL UNIQUE, user_id int NULL, ip_address varchar(45) NULL, user_agent text NULL,
                payload text NOT NULL, last_activity int NOT NULL) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
            CREATE USER 'uf'@'localhost' IDENTIFIED BY 'sugar'; GRANT ALL ON frosting.* TO 'uf'@'localhost';");
        $root = library_pages($sandbox);
        $connection = ['driver' => 'mysql', 'unix_socket' => $database->socket, 'host' => 'localhost', 'database' => 'frosting',
            'username' => 'uf', 'password' => 'sugar', 'charset' => 'utf8mb4', 'collation' => 'utf8mb4_unicode_ci', 'prefix' => ''];
        file_put_contents("$root/data/connection.php", '<?php return ' . var_export($connection, true) . ';');
        $store = "mysql://uf:sugar@localhost/frosting?socket=$database->socket&lifetime=7200";
        file_put_contents("$root/data/store.txt", $store);
        $local = $sandbox->directory('local', 0700, worker_user());
        $fpm = new Fpm($sandbox, Php::ini($sandbox, 'rustdb', ['session.save_path' => $local, 'rustdb.takeover' => '']), [
            // No admin value: with one PHP answers true to any handler, and stays with its own.
            'own' => ['directives' => ['php_value[session.save_handler]' => 'files']],
            'taken' => ['settings' => ['rustdb.takeover' => '"' . TAKEOVER . '"',
                'rustdb.store' => "\"$store\""]],
        ]);
        $nginx = new Nginx($sandbox, array_map(fn ($pool) => ['root' => $root, 'fpm' => $fpm->socket($pool)], ['own' => 'own', 'taken' => 'taken']));
        expect_taken($sandbox, 'Illuminate\Session\DatabaseSessionHandler');
        foreach (['driver', 'store', 'driver', 'store'] as $count => $by) {
            $response = (new Browser($nginx->socket, 'own', str_repeat('L', 40), 'laravel_session'))->send("/laravel.php?by=$by&do=count");
            check($response->ok() && str_contains($response->body, 'count is ' . ($count + 1) . '.'), "Laravel by $by: " . $response->describe());
        }
        $database->execute('DELETE FROM frosting.sessions');
        $id = str_repeat('a', 32);
        $step = function (string $site, string $do, int $user, int $count) use ($nginx, &$id): void {
            $response = (new Browser($nginx->socket, $site, $id, 'uf-database'))->send("/userfrosting.php?handler=database&do=$do");
            check($response->ok() && str_contains($response->body, "user is $user.") && str_contains($response->body, "count is $count."),
                "$site, $do: not user $user and count $count: " . $response->describe());
            check_same($site === 'own' ? 'user user' : 'rustdb rustdb', $response->header('X-Handler'), "handler of $site");
            $id = $response->header('X-Id');
        };
        $step('own', 'count', 0, 1);
        $step('own', 'log-in', 7, 1);
        $step('taken', 'look', 7, 1);
        $step('taken', 'count', 7, 2);
        $step('own', 'count', 7, 3);
        $step('taken', 'count', 7, 4);
        $step('taken', 'log-in', 7, 4);
        $step('own', 'count', 7, 5);
        check_same("$id\n", $database->execute('SELECT id FROM frosting.sessions'), 'rows');
        // As a page of the application that ends a session.
        $database->execute("DELETE FROM frosting.sessions WHERE id = '$id'");
        $step('taken', 'look', 0, 0);
    });

    test('parallel requests of one session lose no change, in PHP\'s sessions and in Laravel\'s', function (Sandbox $sandbox) {
        $site = library_site($sandbox, 'rustdb');
        foreach (['UserFrosting with files', 'Symfony with PDO', 'Laravel'] as $name) {
            [$page, , $taken] = LIBRARIES[$name];
            if ($taken !== null) {
                expect_taken($sandbox, $taken);
            }
            $site->new_visitor();
            $first = $site->step('first', "$page&do=count");
            $clients = array_map(fn () => $site->same_visitor($first), range(1, 4));
            run_clients(array_map(fn (Browser $browser) => (function () use ($browser, $page) {
                for ($i = 0; $i < 25; $i++) {
                    $response = yield $browser->request("$page&do=count");
                    check($response->ok(), $response->describe());
                }
            })(), $clients));
            $site->step('all of them', "$page&do=look", shows: ['no change lost' => '~count is 101\.~']);
        }
    });
}
