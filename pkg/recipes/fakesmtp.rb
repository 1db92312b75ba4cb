# Homebrew.  Untried.
class Fakesmtp < Formula
  desc "Single-shot fake SMTP server for tests"
  homepage "https://EXAMPLE"
  url "https://EXAMPLE/fakesmtp-0.2.0.tar.gz"
  sha256 "EXAMPLE"
  license "ISC"

  depends_on "make" => :build # GNU make 4
  depends_on "pkgconf" => :build
  depends_on "openssl@3"

  def install
    system "gmake", "install", "PREFIX=#{prefix}"
  end

  test do
    (testpath/"mail").write "Subject: it runs\n\nHello\n"
    system bin/"fakesmtp", "-r", "mail", "-n", "1", "--match", "subject: ^it runs$"
  end
end
