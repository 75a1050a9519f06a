<?php

declare(strict_types=1);

namespace Bench;

/**
 * A measured PHP process, seen from the driver. It gets one command a line as JSON and answers one line each
 * (worker/main.php); asking and answering are apart, so that several workers can be at work at once.
 */
final class Worker
{
    private readonly Process $process;

    public function __construct(Php $php, string $ini, string $directory)
    {
        $this->process = new Process(
            [$php->binary, '-c', $ini, dirname(__DIR__) . '/worker/main.php'],
            "$directory.log",
            Php::ENVIRONMENT,
        );
    }

    /** @param array<string, mixed> $command */
    public function tell(array $command): void
    {
        if (@fwrite($this->process->stdin, json_encode($command) . "\n") === false) {
            throw new \RuntimeException('the process is gone: ' . $this->process->complaint());
        }
    }

    /** @return array<string, mixed> */
    public function answer(float $seconds = 120): array
    {
        $ready = [$this->process->stdout];
        $none = null;
        // Workers answer whole lines, so what is readable is a line or the end.
        if (!@stream_select($ready, $none, $none, (int) $seconds, (int) (fmod($seconds, 1) * 1e6))) {
            throw new \RuntimeException(sprintf('no answer for %d seconds', $seconds));
        }
        $line = fgets($this->process->stdout);
        if ($line === false) {
            throw new \RuntimeException('the process ended: ' . ($this->process->complaint() ?: 'without a word'));
        }
        $answer = json_decode($line, true, flags: JSON_THROW_ON_ERROR);
        if (isset($answer['error'])) {
            throw new \RuntimeException($answer['error']);
        }
        return $answer;
    }

    /**
     * @param array<string, mixed> $command
     * @return array<string, mixed>
     */
    public function ask(array $command, float $seconds = 120): array
    {
        $this->tell($command);
        return $this->answer($seconds);
    }

    /**
     * The same command to all, at work at once.
     *
     * @param list<self> $workers
     * @param array<string, mixed> $command
     * @return list<array<string, mixed>>
     */
    public static function askAll(array $workers, array $command, float $seconds = 120): array
    {
        foreach ($workers as $worker) {
            $worker->tell($command);
        }
        return array_map(static fn (self $worker) => $worker->answer($seconds), $workers);
    }

    public function id(): int
    {
        return $this->process->id();
    }

    public function stop(): void
    {
        $this->process->stop();
    }

    /** Has the shared memory of this worker's rustdb removed at the end of the run. */
    public function registerBuffer(Workspace $workspace): void
    {
        $status = $this->ask(['do' => 'status'])['rustdb'];
        if ($status !== null) {
            $workspace->ownsBuffer($status['buffer']['path']);
        }
    }
}
