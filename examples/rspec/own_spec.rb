require 'net/smtp'

RSpec.describe 'a bounce' do
  before { @smtp = `fakesmtp -b -k -q -t 60 --dotenv --on 'rcpt bounce@*: 550 no such user'`.lines.to_h { |l| l.chomp.split('=', 2) } }
  after { Process.kill 'TERM', @smtp['FAKESMTP_PID'].to_i }

  it 'is an error' do
    expect { Net::SMTP.start(@smtp['SMTP_HOST'], @smtp['SMTP_PORT']) { |s| s.send_message "Subject: Hi\n\nHello\n", 'app@x.test', 'bounce@x.test' } }
      .to raise_error(Net::SMTPFatalError, /no such user/)
  end
end
