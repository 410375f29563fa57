"""Guests as text: the xl.cfg of each one, the rules it must keep, and the guest that proves a device.

Everything here is pure; the steps of notebook 08 carry it to the host.
"""
