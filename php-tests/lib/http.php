<?php
/**
 * A visitor: an HTTP client with a cookie jar of its own (or with one session id that never changes),
 * speaking to a server on a Unix socket or a port. Requests are made here and run by send() one at a
 * time, or many at once by run_clients() in load.php.
 */

declare(strict_types=1);

final class Response
{
    /** @param array<string, list<string>> $headers names in lower case */
    public function __construct(public readonly string $url, public readonly int $status, public readonly array $headers,
        public readonly string $body, public readonly float $seconds, public readonly string $error)
    {
    }

    public function ok(): bool
    {
        return $this->status === 200 && $this->error === '';
    }

    /** The JSON that a test page prints, of a request that must have succeeded. */
    public function json(): array
    {
        check($this->ok(), $this->describe());
        $data = json_decode($this->body, true);
        check(is_array($data), 'no JSON: ' . $this->describe());
        return $data;
    }

    public function describe(): string
    {
        return "$this->url: status $this->status $this->error " . substr(trim($this->body), 0, 500);
    }

    public function header(string $name): ?string
    {
        return $this->headers[strtolower($name)][0] ?? null;
    }
}

/** A request that is ready to run. */
final class Request
{
    public function __construct(public readonly CurlHandle $handle, public readonly Browser $browser)
    {
    }
}

final class Browser
{
    private readonly CurlHandle $handle;
    /** @var ArrayObject<string, list<string>> of the latest response; curl writes into it */
    private ArrayObject $headers;

    /**
     * @param ?string $socket Unix socket of the server; without one, $host is a name and a port
     * @param ?string $session send this session id each time and take no cookies
     * @param string $cookie the name of that session's cookie
     */
    public function __construct(private readonly ?string $socket, private readonly string $host, private readonly ?string $session = null,
        private readonly string $cookie = 'PHPSESSID')
    {
        $this->handle = curl_init();
        if ($session === null) {
            curl_setopt($this->handle, CURLOPT_COOKIEFILE, '');
        }
    }

    /**
     * @param array<string, string>|string|null $post fields or a body; makes the request a POST
     * @param array<string, string|int> $query
     */
    public function request(string $path, array $query = [], array|string|null $post = null, bool $follow = false, float $limit = 40): Request
    {
        // Keeps cookies and connections, forgets the options of the request before.
        curl_reset($this->handle);
        $headers = $this->headers = new ArrayObject();
        if ($query !== []) {
            $path .= (str_contains($path, '?') ? '&' : '?') . http_build_query($query);
        }
        $options = [
            CURLOPT_URL => str_starts_with($path, 'http://') ? $path : "http://$this->host$path",
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT_MS => (int) ($limit * 1000),
            CURLOPT_FOLLOWLOCATION => $follow,
            CURLOPT_USERAGENT => 'Mozilla/5.0 (X11; Linux x86_64) rustdb-tests',
            CURLOPT_PROXY => '',
            // Static: a reference to this object would be a circle, and keep its sockets open until the garbage
            // collector comes; processes that are started meanwhile inherit them.
            CURLOPT_HEADERFUNCTION => static function ($handle, string $line) use ($headers): int {
                if (str_starts_with($line, 'HTTP/')) {
                    $headers->exchangeArray([]);
                } elseif (str_contains($line, ':')) {
                    [$name, $value] = explode(':', $line, 2);
                    $name = strtolower($name);
                    $headers[$name] = [...$headers[$name] ?? [], trim($value)];
                }
                return strlen($line);
            },
        ];
        if ($this->socket !== null) {
            $options[CURLOPT_UNIX_SOCKET_PATH] = $this->socket;
        } else {
            // Whatever the host is called, it is here.
            $options[CURLOPT_CONNECT_TO] = ["::127.0.0.1:" . parse_url("http://$this->host", PHP_URL_PORT)];
        }
        if ($this->session !== null) {
            $options[CURLOPT_COOKIE] = "$this->cookie=$this->session";
        } else {
            $options[CURLOPT_COOKIEFILE] = '';
        }
        if ($post !== null) {
            $options[CURLOPT_POSTFIELDS] = is_array($post) ? http_build_query($post) : $post;
        }
        curl_setopt_array($this->handle, $options);
        return new Request($this->handle, $this);
    }

    /** Runs one request to its end. */
    public function send(string $path, array $query = [], array|string|null $post = null, bool $follow = false, float $limit = 40): Response
    {
        $request = $this->request($path, $query, $post, $follow, $limit);
        $body = curl_exec($request->handle);
        return $this->response(is_string($body) ? $body : '');
    }

    /** What came of the request that has just run on this browser's handle. */
    public function response(string $body, string $error = ''): Response
    {
        return new Response(curl_getinfo($this->handle, CURLINFO_EFFECTIVE_URL), curl_getinfo($this->handle, CURLINFO_RESPONSE_CODE),
            $this->headers->getArrayCopy(), $body, curl_getinfo($this->handle, CURLINFO_TOTAL_TIME), $error !== '' ? $error : curl_error($this->handle));
    }

    /** The value of a cookie in the jar. */
    public function cookie(string $name): ?string
    {
        foreach (curl_getinfo($this->handle, CURLINFO_COOKIELIST) as $line) {
            $field = explode("\t", $line);
            if (($field[5] ?? '') === $name) {
                return $field[6];
            }
        }
        return null;
    }
}
