<?php
// SPDX-License-Identifier: ISC
// Symfony Mailer, see run.py.  Its own words are options of the DSN, as in ping_threshold=0; smtps; failover and
// roundrobin, each with two transports to the one server; and timeout=N, in seconds.
require 'Symfony/Component/Mailer/autoload.php';
use Symfony\Component\Mailer\Exception\TransportExceptionInterface;
use Symfony\Component\Mailer\Transport;
use Symfony\Component\Mime\Email;

if (in_array('--version', $argv)) {
    // the component does not know its own
    echo `dpkg-query -W -f '\${Version}' php-symfony-mailer`, "\n";
    exit;
}
if (getenv('SMTP_CA_FILE')) {
    putenv('SSL_CERT_FILE=' . getenv('SMTP_CA_FILE'));
}
$mail = ['mails' => 1, 'to' => 'b', 'subject' => 'Hello', 'octets' => 0];
$options = ['local_domain' => 'client.test'];
[$scheme, $login, $several, $certificate] = ['smtp', '', '', false];
foreach (array_slice($argv, 1) as $word) {
    [$name, $value] = explode('=', $word) + [1 => ''];
    if (isset($mail[$name])) {
        $mail[$name] = $value;
    } elseif ($name === 'login') {
        $login = 'ann:sesame@';
    } elseif ($name === 'certificate') {
        $certificate = true;
    } elseif ($name === 'smtps') {
        $scheme = 'smtps';
    } elseif ($name === 'failover' || $name === 'roundrobin') {
        $several = $name;
    } elseif ($name === 'timeout') {
        ini_set('default_socket_timeout', $value);
    } else {
        $options[$name] = $value;
    }
}
$dsn = "$scheme://{$login}localhost:" . getenv('SMTP_PORT') . '?' . http_build_query($options);
$transport = Transport::fromDsn($several ? "$several($dsn $dsn)" : $dsn);
if ($certificate) {
    $transport->getStream()->setStreamOptions(['ssl' => ['local_cert' => getenv('CLIENT_CERTIFICATE')]]);
}
$email = (new Email())->from('a@x.test')->subject($mail['subject'])->text(str_repeat('x', $mail['octets']) . "\n");
foreach (explode(',', $mail['to']) as $name) {
    $email->addTo("$name@x.test");
}
for ($i = 0; $i < $mail['mails']; $i++) {
    try {
        $transport->send($email);
        echo "sent\n";
    } catch (TransportExceptionInterface $e) {
        $class = (new ReflectionClass($e))->getShortName();
        echo $class, ' ', $e->getCode(), ' ', preg_replace('/\s+/', ' ', $e->getMessage()), "\n";
    }
}
