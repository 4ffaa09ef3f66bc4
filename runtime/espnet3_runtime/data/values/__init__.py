"""Values of a contract that come in many forms: images and tables, brought into one."""
