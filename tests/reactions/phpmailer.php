<?php
// SPDX-License-Identifier: ISC
// PHPMailer, see run.py.  Its own words are properties of the classes PHPMailer and SMTP, as in SMTPKeepAlive=1.
require 'libphp-phpmailer/autoload.php';
use PHPMailer\PHPMailer\Exception;
use PHPMailer\PHPMailer\PHPMailer;

if (in_array('--version', $argv)) {
    exit(PHPMailer::VERSION . "\n");
}
if (getenv('SMTP_CA_FILE')) {
    putenv('SSL_CERT_FILE=' . getenv('SMTP_CA_FILE'));
}
$mail = ['mails' => 1, 'to' => 'b', 'subject' => 'Hello', 'octets' => 0];
$mailer = new PHPMailer(true);
$mailer->isSMTP();
$mailer->Host = 'localhost';
$mailer->Port = getenv('SMTP_PORT');
$mailer->Hostname = 'client.test';
foreach (array_slice($argv, 1) as $word) {
    [$name, $value] = explode('=', $word) + [1 => ''];
    if (isset($mail[$name])) {
        $mail[$name] = $value;
    } elseif ($name === 'login') {
        [$mailer->SMTPAuth, $mailer->Username, $mailer->Password] = [true, 'ann', 'sesame'];
    } elseif ($name === 'certificate') {
        $mailer->SMTPOptions = ['ssl' => ['local_cert' => getenv('CLIENT_CERTIFICATE')]];
    } elseif (property_exists($mailer, $name)) {
        $mailer->$name = $value;
    } else {
        $smtp = $mailer->getSMTPInstance();
        $smtp->$name = $value;
    }
}
$mailer->setFrom('a@x.test');
foreach (explode(',', $mail['to']) as $name) {
    $mailer->addAddress("$name@x.test");
}
$mailer->Subject = $mail['subject'];
$mailer->Body = str_repeat('x', $mail['octets']) . "\n";
for ($i = 0; $i < $mail['mails']; $i++) {
    try {
        $mailer->send();
        echo "sent\n";
    } catch (Exception $e) {
        echo preg_replace('/\s+/', ' ', $e->getMessage()), "\n";
    }
}
