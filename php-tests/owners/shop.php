<?php
/** A Symfony application on a private nginx and php-fpm. */

declare(strict_types=1);

final class Shop
{
    private readonly Nginx $nginx;

    /**
     * @param string $handler session.save_handler
     * @param array<string, string|int> $settings that lead it to the store
     */
    public function __construct(Sandbox $sandbox, public readonly string $handler, array $settings, string $database = '')
    {
        $root = $sandbox->directory('pages');
        Owner::handlers($sandbox);
        copy(__DIR__ . '/pages/shop.php', "$root/shop.php");
        chmod("$root/shop.php", 0644);
        // Symfony is not written for E_DEPRECATED, and chooses the lifetime and strict mode itself.
        $settings += ['include_path' => '.:/usr/share/php', 'error_reporting' => E_ALL & ~E_DEPRECATED];
        $fpm = new Fpm($sandbox, Php::ini($sandbox, $handler, $settings), ['www' => []]);
        $extra = $database === '' ? '' : 'fastcgi_param DATABASE_SOCKET ' . Databases::server()->socket . ";\nfastcgi_param DATABASE $database;\n";
        $this->nginx = new Nginx($sandbox, ['shop.test' => ['root' => $root, 'fpm' => $fpm->socket(), 'extra' => $extra]]);
    }

    /** A visitor, with a cookie jar of its own or with one session for ever. */
    public function visitor(?string $session = null): Browser
    {
        return new Browser($this->nginx->socket, 'shop.test', $session);
    }
}

/** One request to the shop. */
function ask(Browser $visitor, string $do, array $query = []): array
{
    return $visitor->send('/shop.php', ['do' => $do] + $query)->json();
}

/** A shop on each store that Symfony without a handler may find under PHP's own functions, by the name of the store. */
const SHOPS = ['files', 'rustdb, embedded', 'rustdb on MariaDB', 'rustdb on MariaDB in the table of Symfony'];

function open_shop(Sandbox $sandbox, string $store): Shop
{
    if ($store === 'files') {
        return new Shop($sandbox, 'files', ['session.save_path' => $sandbox->directory('sessions', 0700, worker_user())]);
    }
    if ($store === 'rustdb, embedded') {
        return new Shop($sandbox, 'rustdb', Store::fresh($sandbox, handler: 'rustdb')->settings);
    }
    if ($store === 'rustdb on MariaDB') {
        return new Shop($sandbox, 'rustdb', Store::on_server($sandbox, Databases::url(Databases::make(), rights: 'ALL'))->settings);
    }
    $owner = new Owner($sandbox, 'symfony');
    return new Shop($sandbox, 'rustdb', Store::on_server($sandbox, Databases::url($owner->database))->settings, $owner->database);
}
