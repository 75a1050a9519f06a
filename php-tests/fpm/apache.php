<?php
/**
 * A private Apache with mod_php on a free port: the pages of a site, as its main server and as virtual hosts with
 * settings of their own. A thread-safe PHP serves them in two processes of several threads, any other in processes.
 */

declare(strict_types=1);

/**
 * @param array<string, array<string, string|int>> $hosts php_admin_values by name of the virtual host
 * @return callable(?string=, string=): Browser makes a browser for a session (null: what its cookie says) and a host
 */
function apache(Site $site, array $hosts = []): callable
{
    $version = Php::version();
    $modules = '/usr/lib/apache2/modules';
    if (!is_executable('/usr/sbin/apache2')) {
        missing_package('apache2');
    }
    $module = getenv('PHP_APACHE') ?: "$modules/libphp$version.so";
    if (!is_file($module)) {
        missing_package("libapache2-mod-php$version");
    }
    $mpm = Php::has_threads()
        ? "LoadModule mpm_worker_module $modules/mod_mpm_worker.so\nServerLimit 2\nStartServers 2\n"
            . "ThreadsPerChild 4\nMaxRequestWorkers 8\nMinSpareThreads 1\nMaxSpareThreads 8"
        : "LoadModule mpm_prefork_module $modules/mod_mpm_prefork.so\nStartServers 4";
    $port = start_on_port(function (int $port) use ($site, $modules, $module, $mpm, $hosts) {
        $path = $site->sandbox->path;
        $user = posix_geteuid() === 0 ? "User www-data\nGroup www-data" : '';
        $virtual = '';
        foreach ($hosts as $name => $settings) {
            $values = implode("\n", array_map(fn ($key, $value) => "php_admin_value $key $value", array_keys($settings), $settings));
            $virtual .= "<VirtualHost *:$port>\nServerName $name\nDocumentRoot $site->root\n$values\n</VirtualHost>\n";
        }
        file_put_contents("$path/apache.conf", <<<CONF
            ServerRoot $path
            ServerName 127.0.0.1
            Listen 127.0.0.1:$port
            PidFile $path/apache.pid
            DefaultRuntimeDir $path
            ErrorLog $path/apache.log
            $mpm
            LoadModule authz_core_module $modules/mod_authz_core.so
            LoadModule php_module $module
            PHPIniDir $site->ini
            $user
            KeepAlive Off
            DocumentRoot $site->root
            <Directory $site->root>
                Require all granted
                <FilesMatch \.php$>
                    SetHandler application/x-httpd-php
                </FilesMatch>
            </Directory>
            $virtual
            CONF);
        return $site->sandbox->start('apache', ['/usr/sbin/apache2', '-f', "$path/apache.conf", '-DFOREGROUND']);
    });
    return fn (?string $session = null, string $host = '127.0.0.1') => new Browser(null, "$host:$port", $session);
}

/**
 * Starts a server on a free port, on another one if it was taken meanwhile, and waits until it listens.
 *
 * @param callable(int): Process $start
 */
function start_on_port(callable $start): int
{
    for ($attempt = 1;; $attempt++) {
        $port = free_port();
        $process = $start($port);
        wait_until('the server listens or ends', fn () => !$process->running() || @stream_socket_client("tcp://127.0.0.1:$port", timeout: 1));
        if ($process->running()) {
            return $port;
        }
        check($attempt < 3, 'the server ended: ' . file_get_contents($process->output));
    }
}
