<?php
/**
 * DokuWiki: installed through its own installer where the package has it, a log in, a page edited, a log out, and all of it again
 * by the same visitor.
 */

declare(strict_types=1);

const WIKI_PASSWORD = 'correct horse battery staple';

function visit_dokuwiki(Sandbox $sandbox, string $handler): Application
{
    if (!is_file('/usr/share/dokuwiki/doku.php')) {
        missing_package('dokuwiki');
    }
    $root = "$sandbox->path/dokuwiki";
    copy_package('/usr/share/dokuwiki', $root);
    // The package's configuration as it is before the package is set up, and an empty data directory.
    mkdir("$root/conf");
    foreach (glob('/etc/dokuwiki/*') as $file) {
        if (is_file($file) && !preg_match('~/(local|users\.auth|acl\.auth)\.php$~', $file)) {
            copy($file, "$root/conf/" . basename($file));
        }
    }
    mkdir("$root/data");
    foreach (['pages', 'attic', 'media', 'media_attic', 'media_meta', 'meta', 'cache', 'index', 'locks', 'tmp', 'log'] as $name) {
        mkdir("$root/data/$name");
    }
    // Debian 13's package leaves this file out, and the application warns of it on every page.
    $versions = "$root/lib/scripts/jquery/versions";
    if (!is_file($versions)) {
        is_dir(dirname($versions)) || mkdir(dirname($versions));
        file_put_contents($versions, "JQ_VERSION=3.7.1\nJQUI_VERSION=1.13.2\nJQM_VERSION=3.4.1\n");
    }
    file_put_contents("$root/conf/local.protected.php", "<?php \$conf['savedir'] = '$root/data';\n");
    // The package's own switches for another place of its configuration.
    file_put_contents("$sandbox->path/prepend.php", "<?php define('DOKU_MAIN_CONF', '$root/conf/'); define('DOKU_CONF', '$root/conf/');\n");
    give_to_workers("$root/conf");
    give_to_workers("$root/data");

    $wiki = new Application($sandbox, $handler, $root, ['auto_prepend_file' => "$sandbox->path/prepend.php"]);
    if (is_file("$root/install.php")) {
        $wiki->step('installer', '/install.php', shows: ['asks for the superuser' => '~name="d\[superuser\]"~']);
        $wiki->step('install', '/install.php', ['l' => 'en', 'submit' => '', 'd' => ['title' => 'Test Wiki', 'acl' => 'on', 'superuser' => 'admin',
            'fullname' => 'Wiki Admin', 'email' => 'admin@example.org', 'password' => WIKI_PASSWORD, 'confirm' => WIKI_PASSWORD,
            'policy' => '1', 'license' => 'cc-by-sa']], ['success' => '~doku\.php\?id=wiki:welcome~', '!errors' => '~class="error"~']);
    } else {
        wiki_set_up("$root/conf");
    }
    $wiki->step('front page', '/doku.php?id=start', shows: ['!logged in' => '~Wiki Admin~', 'nothing there yet' => '~does not exist yet~']);
    $wiki->step('wrong password', '/doku.php?id=start', ['do' => 'login', 'u' => 'admin', 'p' => 'wrong',
        'sectok' => Application::field($wiki->browser->send('/doku.php?id=start&do=login'), 'sectok')], ['!logged in' => '~Wiki Admin~'], 403);

    foreach (['first' => 'The quick brown fox', 'second' => 'jumps over the lazy dog'] as $time => $text) {
        wiki_log_in($wiki, $time);
        wiki_edit($wiki, $time, $text);
        $shown = $wiki->step("$time page", '/doku.php?id=start', shows: ['the text' => '~' . $text . '~', 'logged in' => '~Wiki Admin~']);
        check(preg_match('~[?&](?:amp;)?do=logout&(?:amp;)?sectok=(\w+)~', $shown->body, $link) === 1, 'the page has no link to log out');
        $wiki->step("$time log out", "/doku.php?id=start&do=logout&sectok=$link[1]", shows: ['!logged in' => '~Wiki Admin~']);
        $wiki->step("$time look while logged out", '/doku.php?id=start', shows: ['!logged in' => '~Wiki Admin~', 'the text' => '~' . $text . '~']);
        $wiki->step("$time edit while logged out", '/doku.php?id=start&do=edit', shows: ['!may save' => '~name="do\[save\]"~']);
    }

    wiki_log_in($wiki, 'third');
    $wiki->new_visitor();
    $wiki->step('another visitor', '/doku.php?id=start', shows: ['!logged in' => '~Wiki Admin~', 'the text' => '~jumps over the lazy dog~']);
    $wiki->check_handler_was_used();
    return $wiki;
}

/** What the installer would write: Debian 13's package has none, and is set up by questions of its own. */
function wiki_set_up(string $conf): void
{
    file_put_contents("$conf/local.php", "<?php \$conf['title'] = 'Test Wiki'; \$conf['lang'] = 'en'; \$conf['useacl'] = 1; \$conf['superuser'] = '@admin';\n");
    file_put_contents("$conf/users.auth.php", 'admin:' . password_hash(WIKI_PASSWORD, PASSWORD_BCRYPT) . ":Wiki Admin:admin@example.org:admin,user\n");
    file_put_contents("$conf/acl.auth.php", "*\t@ALL\t1\n*\t@user\t8\n");
    give_to_workers($conf);
}

function wiki_log_in(Application $wiki, string $time): void
{
    $form = $wiki->step("$time log in form", '/doku.php?id=start&do=login', shows: ['asks for a password' => '~type="password"~']);
    $wiki->step("$time log in", '/doku.php?id=start', ['do' => 'login', 'id' => 'start', 'u' => 'admin', 'p' => WIKI_PASSWORD,
        'sectok' => Application::field($form, 'sectok')], ['logged in' => '~Wiki Admin~']);
}

function wiki_edit(Application $wiki, string $time, string $text): void
{
    $editor = $wiki->step("$time editor", '/doku.php?id=start&do=edit', shows: ['may save' => '~name="do\[save\]"~']);
    $fields = ['do[save]' => '1', 'wikitext' => "====== Start ======\n\n$text\n", 'summary' => "the $time edit"];
    foreach (['id', 'rev', 'date', 'prefix', 'suffix', 'changecheck', 'target', 'sectok'] as $name) {
        $fields[$name] = Application::field($editor, $name);
    }
    $wiki->step("$time save", '/doku.php?id=start', $fields, ['the text' => '~' . $text . '~']);
}
