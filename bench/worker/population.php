<?php

declare(strict_types=1);

/**
 * A large number of sessions, numbered, with ids computed from their numbers: nobody has to remember a million ids.
 */
final class Population
{
    private const SIZE = 1024;

    private static function id(int $number): string
    {
        return hash('xxh128', "session $number");
    }

    /** Creates the sessions of the numbers from `$from` up to but not including `$to`. */
    public function fill(int $from, int $to): array
    {
        // Ids of our own choosing: strict mode would replace them.
        ini_set('session.use_strict_mode', '0');
        $body = payload(self::SIZE);
        $begun = hrtime(true);
        for ($number = $from; $number < $to; $number++) {
            session_id(self::id($number));
            session_start();
            $_SESSION['n'] = $number;
            $_SESSION['body'] = $body;
            session_write_close();
        }
        $seconds = (hrtime(true) - $begun) / 1e9;
        ini_set('session.use_strict_mode', '1');
        return ['seconds' => $seconds];
    }

    /** Modifies `$count` sessions at random among those whose number modulo `$groups` is `$first` or more. */
    public function modify(int $count, int $total, int $groups, int $first, int $seed): array
    {
        mt_srand($seed);
        $ids = [];
        while (count($ids) < $count) {
            $number = mt_rand(0, $total - 1);
            if ($number % $groups >= $first) {
                $ids[] = self::id($number);
            }
        }
        $missing = 0;
        $begun = hrtime(true);
        foreach ($ids as $id) {
            session_id($id);
            session_start();
            if (isset($_SESSION['n'])) {
                $_SESSION['n']++;
            } else {
                $missing++;
            }
            session_write_close();
        }
        $us = (hrtime(true) - $begun) / $count / 1000;
        if ($missing > 0) {
            throw new RuntimeException("$missing of $count sessions were missing");
        }
        return ['us' => $us];
    }

    /**
     * Lets every session whose number modulo `$groups` is `$group` expire, and returns when they have.
     *
     * @param string $files directory of the files handler, whose expiry is the age of the file; else empty
     */
    public function expire(int $total, int $groups, int $group, string $files): array
    {
        $expired = 0;
        if ($files === '') {
            ini_set('session.gc_maxlifetime', '1');
        }
        for ($number = $group; $number < $total; $number += $groups) {
            $id = self::id($number);
            if ($files !== '') {
                touch("$files/sess_$id", time() - 1_000_000);
            } else {
                session_id($id);
                session_start();
                $_SESSION['n'] = -1;
                session_write_close();
            }
            $expired++;
        }
        if ($files === '') {
            ini_set('session.gc_maxlifetime', '86400');
            $this->awaitExpiry(self::id($number - $groups));
            settle();
        }
        return ['expired' => $expired];
    }

    /** The last one to expire is written with a lifetime of a second; strict mode replaces its id once it is gone. */
    private function awaitExpiry(string $id): void
    {
        $deadline = microtime(true) + 300;
        do {
            usleep(100_000);
            session_id($id);
            session_start();
            $gone = session_id() !== $id;
            session_abort();
            if (microtime(true) > $deadline) {
                throw new RuntimeException('sessions with a lifetime of one second did not expire within 300 seconds');
            }
        } while (!$gone);
    }

    /** PHP's explicit garbage collection; it needs an open session of its own. */
    public function collect(): array
    {
        session_id('');
        started();
        $begun = hrtime(true);
        $collected = session_gc();
        $seconds = (hrtime(true) - $begun) / 1e9;
        session_destroy();
        return ['seconds' => $seconds, 'collected' => $collected];
    }
}
