<?php

declare(strict_types=1);

/**
 * Requests of administrators who are logged in at a ProcessWire site with SessionHandlerDB, as far as their sessions go.
 *
 * Strict mode is off, as it is in PHP and ProcessWire leaves it: what starts after session_destroy() has the same id.
 */
final class Admin
{
    private const SIZE = 13 << 10;
    private const USER = 41;

    /** @var list<string> */
    private array $in = [];
    /** @var list<string> */
    private array $out = [];

    /** So many of them log in. */
    public function login(int $count): array
    {
        ini_set('session.use_strict_mode', '0');
        $content = self::content();
        $this->in = $this->out = [];
        for ($number = 0; $number < $count; $number++) {
            session_id('');
            started();
            $_SESSION['Session'] = $content;
            session_write_close();
            $this->in[] = session_id();
        }
        return [];
    }

    /** One looks at so many pages: two clocks go on (`Session::isValidSession`, `SessionHandlerDB::init`), and nothing else changes. */
    public function view(int $count): array
    {
        session_id($this->in[0]);
        $begun = hrtime(true);
        for ($page = 0; $page < $count; $page++) {
            session_start();
            $_SESSION['Session']['_user']['ts']++;
            $_SESSION['Session']['SessionHandlerDB']['ts']++;
            session_write_close();
        }
        return ['us' => (hrtime(true) - $begun) / $count / 1000];
    }

    /** So many log out, each in a request of their own (`Session::logout`). */
    public function logout(int $count): array
    {
        $this->out = array_splice($this->in, -$count);
        $begun = hrtime(true);
        foreach ($this->out as $id) {
            session_id($id);
            session_start();
            $_SESSION = [];
            session_destroy();
            session_id($id);
            session_start();
            session_regenerate_id(true);
            $_SESSION['Session'] = [];
            session_write_close();
        }
        return ['us' => (hrtime(true) - $begun) / $count / 1000];
    }

    /** Who is logged in must have the session, and who has logged out none. */
    public function check(): array
    {
        foreach ([...$this->in, ...$this->out] as $id) {
            session_id($id);
            started();
            $whole = ($_SESSION['Session']['_user']['id'] ?? null) === self::USER && strlen(session_encode()) >= self::SIZE;
            $fits = in_array($id, $this->in, true) ? $whole : $_SESSION === [];
            session_abort();
            if (!$fits) {
                throw new RuntimeException('a session was lost or changed, or has outlived its log out');
            }
        }
        return [];
    }

    /** What the page lists and searches of its administration remember makes up most of it. */
    private static function content(): array
    {
        $content = [
            '_user' => ['id' => self::USER, 'ts' => time(), 'challenge' => bin2hex(random_bytes(16)), 'fingerprint' => bin2hex(random_bytes(16))],
            'SessionHandlerDB' => ['ts' => time()],
            'CSRF' => ['name' => 'TOKEN' . random_int(100_000, 999_999), bin2hex(random_bytes(5)) => bin2hex(random_bytes(16))],
        ];
        for ($list = 1; strlen(serialize($content)) < self::SIZE; $list++) {
            $content["ProcessPageLister$list"] = [
                'selector' => "template=template$list, include=unpublished, sort=-modified, limit=25",
                'columns' => ['title', 'path', 'modified', 'modified_users_id'],
                'openItemIDs' => [random_int(1000, 9999), random_int(1000, 9999)],
                'pageNum' => 1,
            ];
        }
        return $content;
    }
}
