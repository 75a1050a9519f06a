<?php
/**
 * Upload progress: PHP itself opens, writes and closes the session again and again while a file arrives,
 * before the script of the request has started.
 */

declare(strict_types=1);

/** Sends an upload by hand, so that the test decides when which part of it leaves. */
final class SlowUpload
{
    /** @var resource */
    private $socket;
    private string $body;
    private int $sent = 0;

    public function __construct(string $socket, string $session, string $file)
    {
        $boundary = 'boundary-' . bin2hex(random_bytes(8));
        $this->body = "--$boundary\r\nContent-Disposition: form-data; name=\"PHP_SESSION_UPLOAD_PROGRESS\"\r\n\r\ntest\r\n"
            . "--$boundary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n"
            . "$file\r\n--$boundary--\r\n";
        $this->socket = stream_socket_client("unix://$socket");
        stream_set_timeout($this->socket, 20);
        fwrite($this->socket, "POST /upload.php HTTP/1.0\r\nHost: site.test\r\nCookie: PHPSESSID=$session\r\n"
            . "Content-Type: multipart/form-data; boundary=$boundary\r\nContent-Length: " . strlen($this->body) . "\r\n\r\n");
    }

    public function send(int $bytes): void
    {
        for ($end = min($this->sent + $bytes, strlen($this->body)); $this->sent < $end;) {
            $written = fwrite($this->socket, substr($this->body, $this->sent, $end - $this->sent));
            check($written > 0, 'the server takes no more of the upload');
            $this->sent += $written;
        }
    }

    public function finish(): array
    {
        $this->send(PHP_INT_MAX >> 1);
        $answer = (string) stream_get_contents($this->socket);
        fclose($this->socket);
        [$head, $body] = explode("\r\n\r\n", $answer, 2) + ['', ''];
        check(str_contains(strtok($head, "\r\n"), ' 200 '), "the upload ended with $answer");
        return json_decode($body, true, 512, JSON_THROW_ON_ERROR);
    }
}

foreach (['is kept until the script asks' => 0, 'is cleaned up when the file is there' => 1] as $what => $cleanup) {
    test("upload progress can be watched, and $what", function (Sandbox $sandbox) use ($cleanup) {
        $site = new Site($sandbox, [
            // Off by default since PHP 8.2.36.
            'session.upload_progress.enabled' => 1,
            'session.upload_progress.cleanup' => $cleanup,
            'session.upload_progress.freq' => '1%',
            'session.upload_progress.min_freq' => 0,
        ], extra: "fastcgi_request_buffering off;\n");
        $session = random_session();
        $file = random_bytes(2_000_000);
        $upload = new SlowUpload("$sandbox->path/nginx.sock", $session, $file);
        $browser = $site->browser($session);
        // PHP is between the key and the length that it knows from the header.
        $seen = [0];
        for ($part = 1; $part <= 4; $part++) {
            $upload->send(400_000);
            $seen[] = wait_until("part $part of the upload shows", function () use ($browser, $seen) {
                $progress = $browser->send('/progress.php')->json()['progress'];
                $bytes = $progress['bytes_processed'] ?? 0;
                return $bytes > end($seen) + 100_000 ? $bytes : false;
            });
        }
        // Another request writes the same session meanwhile; the next progress must not wipe that out.
        $browser->send('/progress.php', ['keep' => 'this'])->json();
        $answer = $upload->finish();
        check_same(strlen($file), $answer['size'], 'size of the upload');
        check_same(hash('sha256', $file), $answer['sum'], 'checksum of the upload');
        check_same('this', $answer['kept'], 'what another request wrote during the upload');
        if ($cleanup === 1) {
            check_same(null, $answer['progress'], 'progress after the upload');
        } else {
            check_same([true, strlen($file)], [$answer['progress']['done'] ?? null, $answer['progress']['files'][0]['bytes_processed'] ?? null], 'progress after the upload');
        }
    });
}
