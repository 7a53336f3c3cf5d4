"""A prompt for SQL that needs Python and psycopg2 alone, where an image has no psql.

Its text is sent to the container as it stands, so it is short and imports nothing of ours.
"""

import os
import sys

import psycopg2

PARTS = {"host": "HOST", "port": "PORT", "dbname": "DB", "user": "USER", "password": "PASSWORD"}
db = psycopg2.connect(**{key: os.environ["POSTGRES_" + name] for key, name in PARTS.items()})
db.autocommit = True
print("No psql in this image: statements end with a semicolon, Ctrl-D leaves.")
text = ""
while True:
    try:
        text += input("-> " if text else "=> ") + "\n"
    except KeyboardInterrupt:
        text = ""
        print()
        continue
    except EOFError:
        sys.exit()
    if not text.rstrip().endswith(";"):
        continue
    try:
        with db.cursor() as cursor:
            cursor.execute(text)
            if cursor.description:
                print(" | ".join(column[0] for column in cursor.description))
                for row in cursor:
                    print(" | ".join("" if each is None else str(each) for each in row))
            print(cursor.statusmessage)
    except psycopg2.Error as error:
        print(str(error).rstrip())
    except KeyboardInterrupt:
        db.cancel()
    text = ""
