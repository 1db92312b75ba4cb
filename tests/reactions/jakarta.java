/* SPDX-License-Identifier: ISC */
// Jakarta Mail, see run.py.  Its own words are properties of mail.smtp, as in starttls.enable=true.  All mails go
// through one Transport, which connects again if isConnected() says no.
import jakarta.mail.*;
import jakarta.mail.internet.MimeMessage;
import java.io.*;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.*;
import java.util.stream.*;
import javax.net.ssl.*;

class Jakarta {
    static final char[] PASSWORD = "sesame".toCharArray();

    public static void main(String[] words) throws Exception {
        if (List.of(words).contains("--version")) {
            System.out.println(Session.class.getPackage().getImplementationVersion());
            return;
        }
        var mail = new HashMap<>(Map.of("mails", "1", "to", "b", "subject", "Hello", "octets", "0"));
        var properties = new Properties();
        boolean login = false, certificate = false;
        for (String word : words) {
            String[] parts = word.split("=");
            switch (parts[0]) {
            case "login" -> login = true;
            case "certificate" -> certificate = true;
            case "mails", "to", "subject", "octets" -> mail.put(parts[0], parts[1]);
            default -> properties.put("mail.smtp." + parts[0], parts[1]);
            }
        }
        properties.put("mail.smtp.host", "localhost");
        properties.put("mail.smtp.port", System.getenv("SMTP_PORT"));
        properties.put("mail.smtp.localhost", "client.test");
        properties.put("mail.smtp.auth", login);
        if (System.getenv("SMTP_CA_FILE") != null)
            properties.put("mail.smtp.ssl.socketFactory", sockets(certificate));

        Session session = Session.getInstance(properties);
        var message = new MimeMessage(session);
        message.setFrom("a@x.test");
        for (String name : mail.get("to").split(","))
            message.addRecipients(Message.RecipientType.TO, name + "@x.test");
        message.setSubject(mail.get("subject"));
        message.setText("x".repeat(Integer.parseInt(mail.get("octets"))) + "\n");
        message.saveChanges();

        Transport transport = session.getTransport("smtp");
        for (int i = 0; i < Integer.parseInt(mail.get("mails")); i++) {
            try {
                if (!transport.isConnected())
                    transport.connect(login ? "ann" : null, login ? new String(PASSWORD) : null);
                transport.sendMessage(message, message.getAllRecipients());
                System.out.println("sent");
            } catch (MessagingException e) {
                System.out.println(said(e));
            }
        }
        try {
            transport.close();
        } catch (MessagingException e) {
            // the connection has ended already
        }
    }

    /** The class and the message of an exception, and of the next one. */
    static String said(Exception e) {
        String s = e.getClass().getSimpleName() + " " + e.getMessage().trim().replaceAll("\\s+", " ");
        if (e instanceof SendFailedException f)
            s += list("sent", f.getValidSentAddresses()) + list("unsent", f.getValidUnsentAddresses())
                + list("invalid", f.getInvalidAddresses());
        return e instanceof MessagingException m && m.getNextException() != null ? s + " < " + said(m.getNextException()) : s;
    }

    static String list(String what, Address[] addresses) {
        if (addresses == null || addresses.length == 0)
            return "";
        return Stream.of(addresses).map(a -> a.toString().replace("@x.test", "")).collect(Collectors.joining(" ", ", " + what + ": ", ""));
    }

    /** Sockets that trust the server's issuer, and that may have a certificate to show. */
    static SSLSocketFactory sockets(boolean certificate) throws Exception {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null);
        try (var file = new FileInputStream(System.getenv("SMTP_CA_FILE"))) {
            trusted.setCertificateEntry("issuer", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(certificate ? KeyStore.getInstance(new File(System.getenv("CLIENT_CERTIFICATE") + ".p12"), PASSWORD) : null, PASSWORD);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context.getSocketFactory();
    }
}
