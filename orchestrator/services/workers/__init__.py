"""The processes of a worker: its children, their signs of life, and what dead ones leave behind."""
