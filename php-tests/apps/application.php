<?php
/**
 * An application on a private nginx and php-fpm, a visitor, and the record of the visit: for each step
 * the status, the title and the facts that the story is about, without anything that differs from one
 * visit to the next (tokens, times, session ids).
 */

declare(strict_types=1);

final class Application
{
    /** @var list<array{string, int, string, array<string, mixed>}> */
    public array $steps = [];
    private readonly Store $store;
    private readonly Nginx $nginx;
    public Browser $browser;

    /**
     * @param string $root document root
     * @param array<string, string|int> $settings for php.ini
     */
    public function __construct(private readonly Sandbox $sandbox, private readonly string $handler, string $root, array $settings = [])
    {
        $this->store = Store::fresh($sandbox, handler: $handler);
        // What Debian's php.ini-production logs; applications are not written for E_DEPRECATED.
        $settings += ['error_reporting' => E_ALL & ~E_DEPRECATED];
        $fpm = new Fpm($sandbox, Php::ini($sandbox, $handler, $settings + $this->store->settings), ['www' => []]);
        $this->nginx = new Nginx($sandbox, ['app.test' => ['root' => $root, 'fpm' => $fpm->socket()]]);
        $this->new_visitor();
    }

    public function new_visitor(): void
    {
        $this->browser = new Browser($this->nginx->socket, 'app.test');
    }

    /** The visitor whose session a response's cookie names, once more. */
    public function same_visitor(Response $response): Browser
    {
        check(preg_match('~^([^=]+)=([^;]+)~', (string) $response->header('Set-Cookie'), $match) === 1, "$response->url sends no cookie");
        return new Browser($this->nginx->socket, 'app.test', $match[2], $match[1]);
    }

    /**
     * One step: a request, redirects followed, and its facts.
     *
     * @param array<string, string> $shows facts that must hold: name => pattern that the page matches,
     *        or, with a ! in front of the name, does not match
     */
    public function step(string $name, string $path, array|null $post = null, array $shows = [], int $status = 200): Response
    {
        $response = $this->browser->send($path, post: $post, follow: true);
        check($response->status === $status && $response->error === '', "step `$name`: " . $response->describe());
        $facts = [];
        foreach ($shows as $fact => $pattern) {
            $found = preg_match($pattern, $response->body) === 1;
            if ($found === str_starts_with($fact, '!')) {
                file_put_contents("{$this->sandbox->path}/page.html", $response->body);
                throw new Failure("step `$name`: the page " . ($found ? 'shows' : 'does not show') . " $pattern ("
                    . ltrim($fact, '!') . "): " . substr(trim(preg_replace('/\s+/', ' ', strip_tags($response->body))), 0, 600));
            }
            $facts[] = $fact;
        }
        preg_match('~<title>(.*?)</title>~s', $response->body, $title);
        $this->steps[] = [$name, $response->status, trim(html_entity_decode($title[1] ?? '')), $facts];
        return $response;
    }

    /** Fails unless the visit's sessions are where this handler keeps them. */
    public function check_handler_was_used(): void
    {
        if ($this->handler === 'files') {
            check(glob("{$this->store->path}/sess_*") !== [], 'files holds no session');
        } else {
            check($this->sessions() > 0, 'rustdb holds no session');
        }
    }

    /** How many sessions rustdb holds. */
    public function sessions(): int
    {
        return $this->store->status()['buffer']['entries'];
    }

    /** The value of a hidden field. */
    public static function field(Response $response, string $name): string
    {
        $found = preg_match('~<input[^>]*\bname="' . preg_quote($name) . '"[^>]*\bvalue="([^"]*)"~', $response->body, $match)
            || preg_match('~<input[^>]*\bvalue="([^"]*)"[^>]*\bname="' . preg_quote($name) . '"~', $response->body, $match);
        check($found, "$response->url has no field $name");
        return html_entity_decode($match[1]);
    }
}

/**
 * Copies a package's tree, links followed, so that a test never writes into it. What not everybody may read
 * stays behind: the web server's user cannot read it where it is either.
 */
function copy_package(string $from, string $to): void
{
    mkdir($to);
    foreach (array_diff(scandir($from), ['.', '..']) as $name) {
        if (!file_exists("$from/$name") || (fileperms("$from/$name") & 0004) === 0) {
            continue;
        }
        is_dir("$from/$name") ? copy_package("$from/$name", "$to/$name") : copy("$from/$name", "$to/$name");
    }
}

/** Gives a tree to the user that PHP runs as. */
function give_to_workers(string $path): void
{
    if (posix_geteuid() === 0) {
        Process::run(['chown', '-R', worker_user() . ':' . posix_getgrgid(posix_getpwnam(worker_user())['gid'])['name'], $path]);
    }
}

/**
 * Fails the test for want of a module of the PHP under test.
 *
 * @param array<string, string> $modules the package's name, without PHP's version, by that of the module
 */
function need_modules(Sandbox $sandbox, array $modules): void
{
    foreach ($modules as $module => $package) {
        if (Process::run([Php::cli(), '-r', "echo (int) extension_loaded('$module');"], $sandbox->environment()) !== '1') {
            missing_package('php' . Php::version() . "-$package");
        }
    }
}
