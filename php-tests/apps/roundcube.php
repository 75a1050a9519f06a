<?php
/**
 * Roundcube at its log in page, without a mail server. It keeps its sessions in its database, by six functions that it
 * registers, or in PHP's own (`session_storage`).
 */

declare(strict_types=1);

/**
 * A visit. The form's token is in the session: a request with it is let through to the mail server, which cannot be
 * reached, and any other is refused.
 *
 * @param string $storage Roundcube's `session_storage`: db or php
 * @return array{Application, int} and how many sessions Roundcube's database has in the end
 */
function visit_roundcube(Sandbox $sandbox, string $handler, string $storage, array $settings = []): array
{
    $root = '/var/lib/roundcube';
    if (!is_file("$root/index.php")) {
        missing_package('roundcube-core');
    }
    need_modules($sandbox, ['intl' => 'intl', 'mbstring' => 'mbstring', 'xml' => 'xml', 'pdo_sqlite' => 'sqlite3']);
    $directory = $sandbox->directory('mail', 0700, worker_user());
    $configuration = var_export(['db_dsnw' => "sqlite:///$directory/mail.sqlite?mode=0600", 'imap_host' => 'localhost:1', 'des_key' => bin2hex(random_bytes(12)),
        'session_storage' => $storage, 'plugins' => [], 'enable_installer' => false, 'temp_dir' => $directory, 'log_driver' => 'stdout'], true);
    foreach (['defaults.inc.php', 'mimetypes.php'] as $file) {
        copy("$root/config/$file", "$directory/$file");
    }
    file_put_contents("$directory/config.inc.php", "<?php \$config = $configuration;\n");
    file_put_contents("$sandbox->path/prepend.php", "<?php define('RCMAIL_CONFIG_DIR', '$directory');\n");
    give_to_workers($directory);

    $mail = new Application($sandbox, $handler, $root, ['auto_prepend_file' => "$sandbox->path/prepend.php"] + $settings);
    $refused = ['refused' => '~Invalid request~', '!asks the mail server' => '~Connection to storage server failed~'];
    $passed = ['asks the mail server' => '~Connection to storage server failed~', '!refused' => '~Invalid request~'];
    $page = fn (string $name) => Application::field($mail->step($name, '/?_task=login', shows: ['form' => '~name="_pass"~']), '_token');
    $log_in = fn (string $name, string $token, array $shows) => $mail->step($name, '/?_task=login', ['_task' => 'login', '_action' => 'login',
        '_token' => $token, '_user' => 'somebody', '_pass' => 'something'], $shows, 401);

    $token = $page('page');
    check_same($token, $page('page again'), "the visitor's token");
    $log_in('log in', $token, $passed);
    $log_in('log in with the token of the session before', $token, $refused);
    $token = $page('page after the log in');
    $first = $mail->browser;
    $mail->new_visitor();
    $other = $page('page of another visitor');
    check($other !== $token, 'two visitors have the same token');
    $log_in('log in of another visitor with the token of the first', $token, $refused);
    $mail->browser = $first;
    $log_in('log in of the first visitor', $token, $passed);
    $page('last page');
    return [$mail, (int) (new PDO("sqlite:$directory/mail.sqlite"))->query('SELECT count(*) FROM session')->fetchColumn()];
}

function test_roundcube(): void
{
    foreach (['db', 'php'] as $storage) {
        $with_files = null;
        test("Roundcube with session_storage `$storage`, without rustdb", function (Sandbox $sandbox) use ($storage, &$with_files) {
            [$mail, $rows] = visit_roundcube($sandbox, 'files', $storage);
            check_same($storage === 'db', $rows > 0, 'sessions in its database');
            $with_files = $mail->steps;
            note(count($with_files) . ' steps');
        });
        test("Roundcube with session_storage `$storage`, the same in every step", function (Sandbox $sandbox) use ($storage, &$with_files) {
            [$mail, $rows] = visit_roundcube($sandbox, 'rustdb', $storage);
            check_same($with_files, $mail->steps, 'steps');
            check_same([$storage === 'db', $storage === 'php'], [$rows > 0, $mail->sessions() > 0], 'sessions in its database, and in rustdb');
        });
        if ($storage === 'db') {
            test('Roundcube with its own handler taken over, the same in every step', function (Sandbox $sandbox) use (&$with_files) {
                expect_taken($sandbox, 'rcube_session_db');
                [$mail, $rows] = visit_roundcube($sandbox, 'rustdb', 'db', ['rustdb.takeover' => 'rcube_session_db']);
                check_same($with_files, $mail->steps, 'steps');
                check_same([false, true], [$rows > 0, $mail->sessions() > 0], 'sessions in its database, and in rustdb');
            });
        }
    }
}
