require 'json'
require 'net/smtp'

RSpec.describe 'sign up' do
  it 'sends a welcome' do
    Net::SMTP.start(ENV['SMTP_HOST'], ENV['SMTP_PORT']) { |s| s.send_message "Subject: Welcome\n\nHello\n", 'app@x.test', 'alice@x.test' }
    mail = JSON.parse(`fakesmtp -r "$FAKESMTP_DIR" -t 10 --match 'rcpt-to: ^alice@' -j`)
    expect(mail['subject']).to eq 'Welcome'
  end
end
