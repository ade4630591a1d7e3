"""What every service shares and none owns: the way in (HTTP), the way out (outside calls), and the process around them.

`service.Service` and `main.main` make a process; `call.needs`, `call.Body` and `problems` make a route;
`outside.OutsideCalls` makes calls that happen once; `testing.running` runs the whole in a test.
"""
