"""What somebody would write instead: scripts with the same program calls and nothing around them.

Only the standard library. They take what configs/demo.yaml takes, from the environment (`. DIR/environment`).
"""
