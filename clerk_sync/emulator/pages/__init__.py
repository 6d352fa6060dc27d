"""The account portal: plain pages to sign up, sign in and edit a profile."""
