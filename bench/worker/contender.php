<?php

declare(strict_types=1);

/**
 * One of several requests for the same session: the first holds it, the others queue for it.
 *
 * Times are hrtime, the machine's monotonic clock, so those of different processes can be compared.
 */
final class Contender
{
    /** Opens the session, creating it if `$id` is empty, and keeps it open. */
    public function hold(string $id, int $size): array
    {
        session_id($id);
        started();
        $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
        $_SESSION['body'] ??= payload($size);
        return ['id' => session_id()];
    }

    /** Keeps it `$us` longer, while the others arrive, and lets go. */
    public function release(int $us): array
    {
        usleep($us);
        $released = hrtime(true);
        session_write_close();
        return ['released' => $released];
    }

    /** Waits for the session, changes it as a short request would, and lets go. */
    public function queue(string $id, int $us): array
    {
        session_id($id);
        // The driver lets the holder go only when everybody has said this.
        fwrite(STDOUT, "{\"arrived\":true}\n");
        started();
        $acquired = hrtime(true);
        $_SESSION['n']++;
        usleep($us);
        $released = hrtime(true);
        session_write_close();
        return ['acquired' => $acquired, 'released' => $released];
    }

    /** What the counter stands at: a lost change shows that two had the session at once. */
    public function count(string $id): array
    {
        session_id($id);
        started();
        $count = $_SESSION['n'];
        session_destroy();
        return ['count' => $count];
    }
}
