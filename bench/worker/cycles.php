<?php

declare(strict_types=1);

/**
 * The cycle that every request pays for: session_start() and session_write_close().
 *
 * Unchanged: the script reads its session only. Modified: it counts up. New: a visitor without a session gets one.
 */
final class Cycles
{
    private const CHUNK = 16;

    /** @var array<int, string> this process's own session of each size */
    private array $own = [];
    /** @var list<string> new sessions not yet destroyed */
    private array $created = [];

    public function prepare(int $size): array
    {
        session_id('');
        started();
        $this->own[$size] = session_id();
        $_SESSION = ['n' => 0, 'body' => payload($size)];
        session_write_close();
        return [];
    }

    /**
     * @param int $start hrtime at which all processes of a round begin together
     * @param int $limit cycles at most; bounds the space that new sessions take
     */
    public function run(string $case, int $size, int $start, float $seconds, int $limit): array
    {
        session_id($this->own[$size]);
        // Written afresh, because the handler that does nothing hands back what was written last, whichever session that was.
        started();
        $_SESSION = ['n' => 0, 'body' => payload($size)];
        session_write_close();
        $cycle = $this->cycle($case, $size);
        $cycle(self::CHUNK);
        if (($ahead = $start - hrtime(true)) > 1000) {
            usleep(intdiv($ahead, 1000));
        }
        $done = 0;
        $begun = hrtime(true);
        $end = $begun + (int) ($seconds * 1e9);
        do {
            // The clock is read once in so many cycles, so that reading it does not count.
            $cycle(self::CHUNK);
            $done += self::CHUNK;
            $now = hrtime(true);
        } while ($now < $end && $done < $limit);
        if ($case === 'modified') {
            self::check($done + self::CHUNK);
        }
        return ['us' => ($now - $begun) / $done / 1000, 'cycles' => $done];
    }

    /** So many cycles and nothing beside them: what they sent and received can be counted. */
    public function exactly(string $case, int $size, int $count): array
    {
        session_id($this->own[$size]);
        $cycle = $this->cycle($case, $size);
        $begun = hrtime(true);
        $cycle($count);
        return ['us' => (hrtime(true) - $begun) / $count / 1000];
    }

    /** @return Closure(int): void so many cycles of one case */
    private function cycle(string $case, int $size): Closure
    {
        return match ($case) {
            'unchanged' => $this->unchanged(...),
            'modified' => $this->modified(...),
            'new' => $this->create(payload($size)),
        };
    }

    /** Destroys the new sessions of the last block, outside any measurement. */
    public function sweep(): array
    {
        foreach ($this->created as $id) {
            session_id($id);
            started();
            session_destroy();
        }
        $this->created = [];
        return [];
    }

    private function unchanged(int $count): void
    {
        for ($cycle = 0; $cycle < $count; $cycle++) {
            session_start();
            session_write_close();
        }
    }

    private function modified(int $count): void
    {
        for ($cycle = 0; $cycle < $count; $cycle++) {
            session_start();
            $_SESSION['n']++;
            session_write_close();
        }
    }

    private function create(string $body): Closure
    {
        return function (int $count) use ($body): void {
            for ($cycle = 0; $cycle < $count; $cycle++) {
                session_id('');
                session_start();
                $_SESSION['n'] = 1;
                $_SESSION['body'] = $body;
                session_write_close();
                $this->created[] = session_id();
            }
        };
    }

    /** Every change must be there, those of the warm-up too. */
    private static function check(int $changes): void
    {
        started();
        $found = $_SESSION['n'] ?? null;
        session_write_close();
        if ($found !== $changes) {
            throw new RuntimeException("a session was changed $changes times but counts " . json_encode($found));
        }
    }
}
