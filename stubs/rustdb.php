<?php

/**
 * What the extension rustdb declares, for IDEs and static analysis. Never loaded by PHP: where the extension is, all of
 * it is there already.
 */

namespace {
    /**
     * What rustdb knows of itself: the store, the buffer, locks, flushes, garbage collection, counted over all processes
     * that use the store, and under `request` the session of this request. docs/operations.md describes each key.
     *
     * @return array<string, mixed>
     * @throws Exception when the store cannot be used
     */
    function rustdb_status(): array {}

    /**
     * The sessions of a user that have not ended, at most 1,000, the one that ends last first. Whose a session is, it says
     * itself, at the paths of `rustdb.user_key`; what is kept of a visitor, `rustdb.track` says.
     *
     * @param int|string $user
     * @return list<array{id: string, expires: int, ip: ?string, user_agent: ?string, current: bool}> `expires` in seconds
     *     since 1970; `ip` and `user_agent` of the last request, null where they are not known; `current`: it is the session
     *     of this request
     * @throws Exception when the store cannot be used, or the user is neither an integer nor a string
     */
    function rustdb_user_sessions(mixed $user): array {}

    /**
     * Ends all sessions of a user, or all but that of this request, and returns how many there were. A request that has one
     * of them in use does not bring it back.
     *
     * @param int|string $user
     * @throws Exception when the store cannot be used, or the user is neither an integer nor a string
     */
    function rustdb_end_user_sessions(mixed $user, bool $keep_current = false): int {}
}

namespace Rustdb {
    /**
     * rustdb as an object, for session_set_save_handler(), for applications that take a SessionHandlerInterface, and for
     * code that decorates one. It works outside of PHP's sessions too: any method, in any order, with any ids.
     *
     * read() takes the session's lock. After open() it stays until close(); without, until the session is written or
     * destroyed, another one is read, close() is called, or the object or the request is gone. Whatever the request has
     * in use already, through PHP's own session or another object, is shared and never waited for.
     *
     * What fails is a warning and false; nothing throws but the constructor.
     */
    class SessionHandler implements \SessionHandlerInterface, \SessionIdInterface, \SessionUpdateTimestampHandlerInterface
    {
        /**
         * Without settings: the store, buffer and locks of php.ini, those of `session.save_handler = rustdb`.
         *
         * With settings: the entries of php.ini by their names without `rustdb.`. What is not named is as in php.ini; if
         * `store` is named, it has its default instead.
         *
         * @param array{store?: string, multi_host?: string|bool, lock?: string, lock_wait?: int|float|string,
         *     buffer_size?: int|string, write?: string, flush_interval?: int|float|string, touch_interval?: int|string,
         *     lifetime?: int|string, gc_probability?: int|string, gc_divisor?: int|string,
         *     migrate_from?: string, volatile_keys?: string, regenerate_grace?: int|string, user_key?: string,
         *     track?: string} $settings
         * @throws \ValueError for an unknown setting or a wrong value; it says what is allowed
         */
        public function __construct(array $settings = []) {}

        /**
         * Makes ready; the session that is read next stays locked until close(). Both arguments are PHP's, and of no
         * meaning here: settings say where the sessions are.
         */
        public function open(string $path, string $name): bool {}

        /** Lets go of the session in use; what was not written stays as it was. */
        public function close(): bool {}

        /** The session's data; an empty string where there is no such session, false where it cannot be told. */
        public function read(string $id): string|false {}

        /** Writes the session; it ends `lifetime`, or else `session.gc_maxlifetime`, seconds from now. */
        public function write(string $id, string $data): bool {}

        /** Ends the session. One that does not exist is ended already. */
        public function destroy(string $id): bool {}

        /**
         * Removes expired sessions from the store and returns how many. Each session has its own end, so the lifetime is
         * not asked for.
         */
        public function gc(int $max_lifetime): int|false {}

        /** A new id, as session_create_id() makes one. */
        public function create_sid(): string {}

        /** Whether there is such a session. */
        public function validateId(string $id): bool {}

        /** Moves the end of a session whose data are as they were. */
        public function updateTimestamp(string $id, string $data): bool {}
    }
}
