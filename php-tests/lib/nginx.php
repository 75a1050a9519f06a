<?php
/**
 * A private nginx: one worker process on a Unix socket, a virtual host for each name, everything it
 * writes inside the sandbox.
 */

declare(strict_types=1);

final class Nginx
{
    public readonly string $socket;

    /**
     * @param array<string, array{root: string, fpm: string, values?: array<string, string|int>, variable?: string, extra?: string}> $hosts
     *        by name: document root, socket of the php-fpm pool, settings sent with each request and the
     *        FastCGI variable that carries them, more lines for the location of PHP pages
     */
    public function __construct(Sandbox $sandbox, array $hosts)
    {
        $binary = '/usr/sbin/nginx';
        if (!is_executable($binary)) {
            missing_package('nginx-light');
        }
        $this->socket = "$sandbox->path/nginx.sock";
        $temporary = $sandbox->directory('nginx', 0700, worker_user());
        $user = posix_geteuid() === 0 ? 'user ' . worker_user() . ' ' . posix_getgrgid(posix_getpwnam(worker_user())['gid'])['name'] . ';' : '';
        $paths = '';
        foreach (['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'] as $kind) {
            $paths .= "    {$kind}_temp_path $temporary/$kind;\n";
        }
        $types = is_file('/etc/nginx/mime.types') ? 'include /etc/nginx/mime.types;' : '';
        $servers = '';
        foreach ($hosts as $name => $host) {
            $servers .= $this->server($name, $host);
        }
        file_put_contents("$sandbox->path/nginx.conf", <<<CONF
            daemon off;
            worker_processes 1;
            $user
            pid $sandbox->path/nginx.pid;
            error_log $sandbox->path/nginx-error.log warn;
            events { worker_connections 512; }
            http {
                access_log off;
                $types
                client_max_body_size 64m;
                fastcgi_buffers 64 16k;
            $paths
            $servers
            }
            CONF);
        $process = $sandbox->start('nginx', [$binary, '-p', $sandbox->path, '-e', "$sandbox->path/nginx-error.log", '-c', "$sandbox->path/nginx.conf"]);
        wait_until('nginx listens', function () use ($process) {
            check($process->running(), 'nginx ended: ' . file_get_contents($process->output));
            return @stream_socket_client("unix://$this->socket", timeout: 1);
        });
    }

    private function server(string $name, array $host): string
    {
        $parameters = [
            'SCRIPT_FILENAME' => '$document_root$fastcgi_script_name', 'SCRIPT_NAME' => '$fastcgi_script_name',
            'DOCUMENT_ROOT' => '$document_root', 'DOCUMENT_URI' => '$document_uri', 'REQUEST_URI' => '$request_uri',
            'QUERY_STRING' => '$query_string', 'REQUEST_METHOD' => '$request_method', 'CONTENT_TYPE' => '$content_type',
            'CONTENT_LENGTH' => '$content_length', 'SERVER_PROTOCOL' => '$server_protocol', 'GATEWAY_INTERFACE' => 'CGI/1.1',
            'SERVER_SOFTWARE' => 'nginx', 'SERVER_NAME' => '$server_name', 'SERVER_PORT' => '80', 'SERVER_ADDR' => '127.0.0.1',
            'REMOTE_ADDR' => '127.0.0.1', 'REMOTE_PORT' => '1024', 'REDIRECT_STATUS' => '200',
        ];
        $lines = $host['extra'] ?? '';
        foreach ($parameters as $key => $value) {
            $lines .= "fastcgi_param $key $value;\n";
        }
        if (isset($host['values'])) {
            $values = implode("\n", array_map(fn ($key, $value) => "$key=$value", array_keys($host['values']), $host['values']));
            $variable = $host['variable'] ?? 'PHP_ADMIN_VALUE';
            $lines .= "fastcgi_param $variable \"$values\";\n";
        }
        return <<<CONF
            server {
                listen unix:$this->socket;
                server_name $name;
                root {$host['root']};
                index index.php;
                location ~ \.php$ {
                    fastcgi_pass unix:{$host['fpm']};
                    fastcgi_read_timeout 60s;
                    $lines
                }
            }

            CONF;
    }
}
