<?php
class OwnTest extends PHPUnit\Framework\TestCase
{
    public function testBounce(): void
    {
        $smtp = shell_exec('fakesmtp -b -k -q -t 60 --dotenv --sendmail --on "rcpt bounce@*: 550 no such user"');
        array_map('putenv', explode("\n", trim($smtp)));
        // your program does this
        exec("echo 'Subject: Welcome' | " . getenv('FAKESMTP_SENDMAIL') . ' bounce@x.test 2>&1', $said, $status);
        posix_kill((int) getenv('FAKESMTP_PID'), SIGTERM);
        $this->assertStringContainsString('no such user', implode($said));
        $this->assertNotSame(0, $status);
    }
}
