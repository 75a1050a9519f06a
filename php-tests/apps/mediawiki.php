<?php
/**
 * MediaWiki, set up by its own installer on SQLite. It has sessions of its own, in its object cache, and registers a
 * handler that answers PHP's session functions from them, for extensions that use $_SESSION.
 */

declare(strict_types=1);

/** Users that the installer and createAndPromote.php make, by their passwords. */
const WIKI_USERS = ['Wiki Admin' => WIKI_PASSWORD, 'Wiki Author' => 'staple battery horse correct'];
const ASKS_FOR_A_PASSWORD = ['asks for a password' => '~name="wpPassword"~'];

/**
 * A wiki that tells in headers of its pages who keeps PHP's sessions, and how many pages the visitor has seen, as an
 * extension counts them in $_SESSION.
 *
 * @param array<string, string|int> $settings for php.ini
 * @param string $php_sessions $wgPHPSessionHandling: `enable` or `disable`
 */
function mediawiki(Sandbox $sandbox, string $handler, array $settings = [], string $php_sessions = 'enable'): Application
{
    $root = '/usr/share/mediawiki';
    if (!is_file("$root/maintenance/install.php")) {
        missing_package('mediawiki');
    }
    need_modules($sandbox, ['intl' => 'intl', 'mbstring' => 'mbstring', 'xml' => 'xml', 'pdo_sqlite' => 'sqlite3']);
    // Its configuration and what it writes are in places of the test's own, so the package's tree is used where it is.
    $configuration = $sandbox->directory('wiki', 0755, worker_user()) . '/LocalSettings.php';
    $data = $sandbox->directory('wiki-data', 0700, worker_user());
    $run = fn (string $script, string ...$arguments) => Process::run([Php::cli(), "$root/maintenance/$script", ...$arguments],
        ['MW_CONFIG_FILE' => $configuration] + $sandbox->environment(), worker_user());
    $run('install.php', '--confpath', dirname($configuration), '--dbtype', 'sqlite', '--dbname', 'wiki', '--dbpath', $data, '--server', 'http://app.test',
        '--scriptpath', '', '--lang', 'en', '--pass', WIKI_USERS['Wiki Admin'], '--skins', 'Vector', 'Test Wiki', 'Wiki Admin');
    $run('createAndPromote.php', 'Wiki Author', WIKI_USERS['Wiki Author']);
    // The extension writes at once: else it would when the visitor has the page already, and may ask for the next one.
    $count = $php_sessions === 'disable' ? '' : <<<'PHP'
        session_id() === '' && session_start();
            $_SESSION['views'] = ($_SESSION['views'] ?? 0) + 1;
            header('X-Views: ' . $_SESSION['views']);
            session_write_close();
        PHP;
    // No jobs after a request: the story decides when something happens.
    file_put_contents($configuration, <<<PHP

        \$wgJobRunRate = 0;
        \$wgPHPSessionHandling = '$php_sessions';
        \$wgHooks['BeforePageDisplay'][] = function () {
            $count
            header('X-Handler: ' . session_module_name());
        };
        PHP, FILE_APPEND);
    file_put_contents("$sandbox->path/prepend.php", "<?php define('MW_CONFIG_FILE', '$configuration');\n");
    return new Application($sandbox, $handler, $root, ['auto_prepend_file' => "$sandbox->path/prepend.php"] + $settings);
}

/**
 * A visit, and what was counted in $_SESSION at each step of it.
 *
 * @param string $answers who says to be PHP's handler: MediaWiki's is `user`
 * @return array{list<array>, list<?string>}
 */
function visit_mediawiki(Application $wiki, string $answers = 'user'): array
{
    $views = [];
    $step = function (string $name, string $query, ?array $post = null, array $shows = []) use ($wiki, $answers, &$views): Response {
        $response = $wiki->step($name, "/index.php?$query", $post, $shows);
        check_same($answers, $response->header('X-Handler'), "handler at step `$name`");
        $views[] = $response->header('X-Views');
        return $response;
    };
    $step('front page', 'title=Main_Page', shows: named(null) + ['the text' => '~MediaWiki has been installed~']);
    $form = $step('log in form', 'title=Special:UserLogin', shows: ASKS_FOR_A_PASSWORD);
    $form = $step('wrong password', 'title=Special:UserLogin', ['wpPassword' => 'wrong'] + log_in_fields($form, 'Wiki Admin'),
        named(null) + ['refused' => '~Incorrect username or password~']);
    foreach (['first' => 'The quick brown fox', 'second' => 'jumps over the lazy dog'] as $time => $text) {
        if ($time === 'second') {
            $form = $step("$time log in form", 'title=Special:UserLogin', shows: ASKS_FOR_A_PASSWORD);
        }
        $step("$time log in", 'title=Special:UserLogin', log_in_fields($form, 'Wiki Admin'), named('Wiki Admin'));
        $editor = $step("$time editor", 'title=Sandbox&action=edit', shows: named('Wiki Admin'));
        $step("$time save with a foreign token", 'title=Sandbox&action=submit', ['wpEditToken' => 'forged+\\'] + edit_fields($editor, $text),
            ['refused' => '~loss of session data~']);
        $step("$time save", 'title=Sandbox&action=submit', edit_fields($editor, $text), named('Wiki Admin') + ['the text' => "~<p>$text~"]);
        $step("$time list of own edits", 'title=Special:Contributions/Wiki_Admin', shows: ['the edit' => '~title="Sandbox"~']);
        $form = $step("$time log out form", 'title=Special:UserLogout', shows: named('Wiki Admin'));
        $step("$time log out", 'title=Special:UserLogout', ['wpEditToken' => Application::field($form, 'wpEditToken')], named(null));
        $step("$time look while logged out", 'title=Sandbox', shows: named(null) + ['the text' => "~<p>$text~"]);
        $step("$time watch list while logged out", 'title=Special:Watchlist', shows: ASKS_FOR_A_PASSWORD);
    }
    $step('third log in', 'title=Special:UserLogin', log_in_fields($step('third log in form', 'title=Special:UserLogin'), 'Wiki Admin'), named('Wiki Admin'));
    $wiki->new_visitor();
    $step('another visitor', 'title=Sandbox', shows: named(null));
    return [$wiki->steps, $views];
}

/** As whom a page is shown. @return array<string, string> */
function named(?string $user): array
{
    return [$user === null ? 'logged out' : "logged in as $user" => '~"wgUserName": ?' . preg_quote(json_encode($user), '~') . '[,}]~'];
}

/** @return array<string, string> */
function log_in_fields(Response $form, string $user): array
{
    return ['wpName' => $user, 'wpPassword' => WIKI_USERS[$user], 'wploginattempt' => 'Log in', 'authAction' => 'login', 'title' => 'Special:UserLogin',
        'wpEditToken' => Application::field($form, 'wpEditToken'), 'wpLoginToken' => Application::field($form, 'wpLoginToken')];
}

/** @return array<string, string> */
function edit_fields(Response $editor, string $text): array
{
    $fields = ['wpTextbox1' => $text, 'wpSummary' => 'an edit', 'wpSave' => 'Save changes'];
    foreach (['wpUnicodeCheck', 'wpStarttime', 'wpEdittime', 'wpAutoSummary', 'oldid', 'wpEditToken', 'wpUltimateParam'] as $name) {
        $fields[$name] = Application::field($editor, $name);
    }
    return $fields;
}

/** How many sessions MediaWiki keeps. */
function kept_by_mediawiki(Sandbox $sandbox): int
{
    return (int) (new PDO("sqlite:$sandbox->path/wiki-data/wikicache.sqlite"))
        ->query("SELECT count(*) FROM objectcache WHERE keyname LIKE '%MWSession%'")->fetchColumn();
}

function test_mediawiki(): void
{
    $with_files = null;
    test('MediaWiki with files', function (Sandbox $sandbox) use (&$with_files) {
        $with_files = visit_mediawiki(mediawiki($sandbox, 'files'));
        note(count($with_files[0]) . ' steps');
    });
    test('MediaWiki with rustdb, the same in every step: its own handler goes on', function (Sandbox $sandbox) use (&$with_files) {
        $wiki = mediawiki($sandbox, 'rustdb');
        check_same($with_files, visit_mediawiki($wiki), 'steps');
        check_same(0, $wiki->sessions(), 'sessions that rustdb holds');
        check(kept_by_mediawiki($sandbox) > 0, 'MediaWiki keeps no session');
    });
    test('MediaWiki while other handlers are taken over: its own goes on, and each of several visitors stays who they are', function (Sandbox $sandbox) {
        $wiki = mediawiki($sandbox, 'rustdb', ['rustdb.takeover' => TAKEOVER]);
        // Of two requests at once, MediaWiki lets both delete a file of its own locks.
        $sandbox->allow_logged('/unlink\(.*FSLockManager\.php/');
        $visitors = [];
        foreach (['Wiki Admin', 'Wiki Author', null, 'Wiki Author'] as $user) {
            $wiki->new_visitor();
            $form = $wiki->step('log in form', '/index.php?title=Special:UserLogin', shows: ASKS_FOR_A_PASSWORD);
            if ($user !== null) {
                $wiki->step('log in', '/index.php?title=Special:UserLogin', log_in_fields($form, $user), named($user));
            }
            $visitors[] = [$user, $wiki->browser, $user === null ? 1 : 2];
        }
        run_clients(array_map(fn (array $visitor) => (function () use ($visitor) {
            [$user, $browser, $views] = $visitor;
            for ($i = 1; $i <= 10; $i++) {
                $response = yield $browser->request('/index.php?title=Main_Page');
                check($response->ok() && preg_match(current(named($user)), $response->body) === 1, "not shown as $user: " . $response->describe());
                check_same(['user', (string) ($views + $i)], [$response->header('X-Handler'), $response->header('X-Views')], "handler and views of $user");
            }
        })(), $visitors));
        $wiki->browser = $visitors[1][1];
        $form = $wiki->step('log out form', '/index.php?title=Special:UserLogout', shows: named('Wiki Author'));
        $wiki->step('log out', '/index.php?title=Special:UserLogout', ['wpEditToken' => Application::field($form, 'wpEditToken')], named(null));
        foreach ([0 => 'Wiki Admin', 1 => null, 2 => null, 3 => 'Wiki Author'] as $place => $user) {
            $wiki->browser = $visitors[$place][1];
            $wiki->step('look after the log out of one', '/index.php?title=Main_Page', shows: named($user));
        }
        check_same(0, $wiki->sessions(), 'sessions that rustdb holds');
    });
    // Without locks: its requests would wait for each other in its database too, because its own handler has none.
    test('MediaWiki with takeover of everything: the same steps, with $_SESSION of extensions in rustdb', function (Sandbox $sandbox) use (&$with_files) {
        expect_taken($sandbox, 'MediaWiki\Session\PHPSessionHandler');
        $wiki = mediawiki($sandbox, 'rustdb', ['rustdb.takeover' => '*', 'rustdb.lock' => 'none']);
        [$steps, $views] = visit_mediawiki($wiki, 'rustdb');
        check_same($with_files[0] ?? null, $steps, 'steps');
        check($wiki->sessions() > 0, 'rustdb holds no session');
        check(kept_by_mediawiki($sandbox) > 0, 'MediaWiki keeps no session of its own');
        // MediaWiki carries what its session has from the old id to the new one; what rustdb has stays behind.
        $steps = array_column($steps, 0);
        check_same(['2', '1', '2'], array_slice($views, array_search('first log in', $steps) - 1, 3), 'counted before, at and after the log in');
    });
    test('MediaWiki with takeover of everything and without PHP\'s sessions: the same steps', function (Sandbox $sandbox) use (&$with_files) {
        expect_taken($sandbox, 'MediaWiki\Session\PHPSessionHandler');
        $wiki = mediawiki($sandbox, 'rustdb', ['rustdb.takeover' => '*'], 'disable');
        check_same($with_files[0] ?? null, visit_mediawiki($wiki, 'rustdb')[0], 'steps');
        check_same(0, $wiki->sessions(), 'sessions that rustdb holds');
    });
}
