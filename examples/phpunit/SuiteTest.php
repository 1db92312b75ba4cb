<?php
class SuiteTest extends PHPUnit\Framework\TestCase
{
    public function testWelcome(): void
    {
        mail('alice@x.test', 'Welcome', 'Hello Alice'); // your program does this
        exec('fakesmtp -r "$FAKESMTP_DIR" -t 10 --match "rcpt-to: ^alice@" -j', $lines);
        $this->assertSame('Welcome', json_decode($lines[0])->subject);
    }
}
