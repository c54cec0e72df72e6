"""The programs of the peers: their applications, as their documentation would have them written, run by the modules of
`bench.contenders`, which say how and why. They import the peers' packages, which only `make bench` installs."""
