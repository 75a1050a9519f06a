<?php
/**
 * phpMyAdmin on a private MariaDB: a log in, a table browsed and added to, a log out, and the log in again.
 */

declare(strict_types=1);

const DATABASE_USER = 'shopkeeper';
const DATABASE_PASSWORD = 'open sesame';

/** @param bool $chooses_files phpMyAdmin is told a directory for its sessions, and then chooses PHP's own files */
function visit_phpmyadmin(Sandbox $sandbox, string $handler, bool $chooses_files = false): Application
{
    if (!is_file('/usr/share/phpmyadmin/index.php')) {
        missing_package('phpmyadmin');
    }
    $version = Php::version();
    foreach (['mysqli' => "php$version-mysql", 'mbstring' => "php$version-mbstring", 'xml' => "php$version-xml"] as $module => $package) {
        $loaded = Process::run([Php::cli(), '-r', "echo (int) extension_loaded('$module');"], $sandbox->environment());
        if ($loaded !== '1') {
            missing_package($package);
        }
    }
    $user = "'" . DATABASE_USER . "'@'localhost'";
    $database = (new MariaDb($sandbox, "
        CREATE DATABASE shop;
        CREATE TABLE shop.goods (id INT PRIMARY KEY, name VARCHAR(50) NOT NULL, price DECIMAL(8,2) NOT NULL);
        INSERT INTO shop.goods VALUES (1, 'Walnut table', 480.00), (2, 'Oak chair', 125.50), (3, 'Brass lamp', 89.90);
        CREATE USER $user IDENTIFIED BY '" . DATABASE_PASSWORD . "';
        GRANT ALL ON shop.* TO $user;"))->socket;
    $root = "$sandbox->path/phpmyadmin";
    copy_package('/usr/share/phpmyadmin', $root);
    $temporary = $sandbox->directory('phpmyadmin-tmp', 0700, worker_user());
    file_put_contents("$sandbox->path/config.inc.php", "<?php
        \$cfg['blowfish_secret'] = '" . bin2hex(random_bytes(16)) . "';
        \$cfg['Servers'][1] = ['auth_type' => 'cookie', 'host' => 'localhost', 'socket' => '$database'];
        \$cfg['SendErrorReports'] = 'never';
        \$cfg['PmaNoRelation_DisableWarning'] = true;\n"
        . ($chooses_files ? "\$cfg['SessionSavePath'] = '" . $sandbox->directory('phpmyadmin-sessions', 0700, worker_user()) . "';\n" : ''));
    // The file that phpMyAdmin has for packagers tells where its configuration is; the application stays as it is.
    $vendor = "$root/libraries/vendor_config.php";
    $text = file_get_contents($vendor);
    $moved = preg_replace(["~'configFile' => .*,~", "~'tempDir' => .*,~"],
        ["'configFile' => '$sandbox->path/config.inc.php',", "'tempDir' => '$temporary/',"], $text, -1, $count);
    check_same(2, $count, 'paths found in vendor_config.php');
    file_put_contents($vendor, $moved);

    $admin = new Application($sandbox, $handler, $root, $chooses_files ? ['rustdb.takeover' => 'files'] : []);
    foreach (['first', 'second'] as $time) {
        $form = $admin->step("$time visit", '/index.php', shows: ['asks for a password' => '~name="pma_password"~']);
        if ($time === 'first') {
            $form = $admin->step('wrong password', '/index.php?route=/', admin_credentials($form, 'wrong'),
                ['refused' => '~Access denied|Cannot log in~', 'asks for a password' => '~name="pma_password"~']);
        }
        $main = $admin->step("$time log in", '/index.php?route=/', admin_credentials($form, DATABASE_PASSWORD),
            ['logged in' => '~logged_in: ?true|"logged_in":true|route=/logout~', '!asks for a password' => '~name="pma_password"~']);
        $admin->step("$time list of tables", '/index.php?route=/database/structure&db=shop', shows: ['the table' => '~goods~']);
        $shows = ['first row' => '~Walnut table~', 'price' => '~125\.50~', 'last row' => '~Brass lamp~'];
        if ($time === 'second') {
            $shows['row of the first visit'] = '~Pewter jug~';
        }
        $browse = $admin->step("$time browse", '/index.php?route=/sql&db=shop&table=goods&pos=0', shows: $shows);
        if ($time === 'first') {
            $admin->step('insert', '/index.php?route=/sql', ['db' => 'shop', 'table' => 'goods', 'token' => Application::field($browse, 'token'),
                'sql_query' => "INSERT INTO goods VALUES (4, 'Pewter jug', 35.00)"], ['done' => '~1 row inserted~']);
            $admin->step('request with a foreign token', '/index.php?route=/sql', ['db' => 'shop', 'table' => 'goods', 'token' => 'forged',
                'ajax_request' => '1', 'sql_query' => 'DELETE FROM goods'], ['refused' => '~"success":false~']);
            $admin->step('browse after it', '/index.php?route=/sql&db=shop&table=goods&pos=0', shows: $shows + ['new row' => '~Pewter jug~']);
        }
        $admin->step("$time log out", '/index.php?route=/logout', ['token' => Application::field($main, 'token')],
            ['asks for a password' => '~name="pma_password"~']);
        $admin->step("$time look after the log out", '/index.php?route=/sql&db=shop&table=goods&pos=0', shows: ['!row' => '~Walnut table~']);
    }
    $admin->check_handler_was_used();
    return $admin;
}

/** What the log in form sends. @return array<string, string> */
function admin_credentials(Response $form, string $password): array
{
    return ['pma_username' => DATABASE_USER, 'pma_password' => $password, 'server' => '1', 'route' => '/',
        'set_session' => Application::field($form, 'set_session'), 'token' => Application::field($form, 'token')];
}
