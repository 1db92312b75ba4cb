# Nix: nix-build pkg/recipes.  Untried.
{ pkgs ? import <nixpkgs> { } }:

pkgs.stdenv.mkDerivation {
  pname = "fakesmtp";
  version = "0.2.0";
  src = ../..;
  nativeBuildInputs = [ pkgs.pkg-config ];
  buildInputs = [ pkgs.openssl ];
  makeFlags = [ "PREFIX=${placeholder "out"}" ];
  doCheck = true;
  checkTarget = "demo";
  meta = {
    description = "Single-shot fake SMTP server for tests";
    license = pkgs.lib.licenses.isc;
    platforms = pkgs.lib.platforms.unix;
    mainProgram = "fakesmtp";
  };
}
