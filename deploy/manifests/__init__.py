"""What container platforms are told, written from system.py and the settings classes: compose.yaml and k8s/base."""
