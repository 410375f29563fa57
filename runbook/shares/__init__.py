"""What was proved on a machine, as a small signed record that names nobody; and folders of such records.

`made.make` reads a host's reports, `made.save` writes; `known.load` reads a folder of records, and `alike.Alike`
counts what they say of a device.
"""
